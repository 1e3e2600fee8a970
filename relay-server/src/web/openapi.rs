//! `GET /api/v1/openapi.json`: the API for programs, put together from the table of routes and the types that they take and give.

use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use utoipa::openapi::path::{HttpMethod, Operation, OperationBuilder, Parameter, ParameterIn, PathsBuilder};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ArrayBuilder, ComponentsBuilder, Schema};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Info, OpenApi, OpenApiBuilder, Ref, RefOr, Required, ResponseBuilder};
use utoipa::{PartialSchema, ToSchema};

use super::routes;
use crate::answer::Written;

/// A body in the document.
#[derive(Clone, Copy)]
pub(crate) struct Body {
    name: fn() -> String,
    schema: fn() -> RefOr<Schema>,
    below: fn(&mut Vec<(String, RefOr<Schema>)>),
    list: bool,
}

/// A value of this type.
pub(crate) fn one<T: ToSchema>() -> Option<Body> {
    Some(Body { name: || T::name().into_owned(), schema: T::schema, below: T::schemas, list: false })
}

/// A list of values of this type.
pub(crate) fn many<T: ToSchema>() -> Option<Body> {
    one::<T>().map(|body| Body { list: true, ..body })
}

/// What the document says of a route.
#[derive(Clone, Copy)]
pub(crate) struct About {
    /// In a sentence.
    pub(crate) what: &'static str,
    /// Whether one must be signed in.
    pub(crate) signed_in: bool,
    /// What is sent.
    pub(crate) takes: Option<Body>,
    /// The status when all goes well.
    pub(crate) status: u16,
    /// What is answered then.
    pub(crate) gives: Option<Body>,
}

impl Body {
    fn reference(self) -> RefOr<Schema> {
        let one = Ref::from_schema_name((self.name)());
        if self.list { ArrayBuilder::new().items(one).build().into() } else { one.into() }
    }
}

const JSON: &str = "application/json";
const BEARER: &str = "token";
const COOKIE: &str = "cookie";

/// What can be refused, wherever it applies: a schema of one form, told apart by its code.
const REFUSALS: [(StatusCode, &str); 10] = [
    (StatusCode::BAD_REQUEST, "what was sent makes no sense"),
    (StatusCode::UNAUTHORIZED, "nobody is signed in, or name and secret do not fit"),
    (StatusCode::FORBIDDEN, "whoever asks may not, or a page did not say that it is the relay's own"),
    (StatusCode::NOT_FOUND, "there is no such thing"),
    (StatusCode::REQUEST_TIMEOUT, "the request took too long"),
    (StatusCode::CONFLICT, "something else stands in the way"),
    (StatusCode::PAYLOAD_TOO_LARGE, "too long"),
    (StatusCode::UNPROCESSABLE_ENTITY, "not the JSON that belongs here"),
    (StatusCode::TOO_MANY_REQUESTS, "too often: Retry-After says how long to wait"),
    (StatusCode::SERVICE_UNAVAILABLE, "the relay's log cannot be written"),
];

/// The document.
pub(crate) fn document() -> OpenApi {
    let mut schemas = vec![(Written::name().into_owned(), Written::schema())];
    let mut paths = PathsBuilder::new().build();
    for route in routes() {
        let method = match route.method {
            "POST" => HttpMethod::Post,
            "PUT" => HttpMethod::Put,
            "DELETE" => HttpMethod::Delete,
            _ => HttpMethod::Get,
        };
        for body in [route.about.takes, route.about.gives].into_iter().flatten() {
            schemas.push(((body.name)(), (body.schema)()));
            (body.below)(&mut schemas);
        }
        paths.add_path_operation(route.path, vec![method], operation(route.method, route.path, route.about));
    }
    let token = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(link::api::account::COOKIE)));
    let components = ComponentsBuilder::new().schemas_from_iter(schemas).security_scheme(BEARER, token).security_scheme(COOKIE, cookie);
    OpenApiBuilder::new()
        .info(Info::new("Celosia relay", env!("CARGO_PKG_VERSION")))
        .paths(paths)
        .components(Some(components.build()))
        .build()
}

fn operation(method: &str, path: &str, about: About) -> Operation {
    let content = |body: Body| ContentBuilder::new().schema(Some(body.reference())).build();
    let good = ResponseBuilder::new().description("done");
    let good = about.gives.into_iter().fold(good, |good, body| good.content(JSON, content(body)));
    let id: String = format!("{method} {path}").to_lowercase().replace("/api/v1/", "").replace(['/', ' ', '{', '}', '.'], "-");
    let mut operation = OperationBuilder::new()
        .operation_id(Some(id.trim_matches('-').to_owned()))
        .summary(Some(about.what))
        .response(about.status.to_string(), good.build());
    for (status, description) in REFUSALS {
        let refused = ContentBuilder::new().schema(Some(RefOr::<Schema>::from(Ref::from_schema_name(Written::name())))).build();
        operation = operation.response(status.as_str(), ResponseBuilder::new().description(description).content(JSON, refused).build());
    }
    for name in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
        let mut parameter = Parameter::new(name);
        parameter.parameter_in = ParameterIn::Path;
        parameter.required = Required::True;
        parameter.schema = Some(String::schema());
        operation = operation.parameter(parameter);
    }
    if let Some(body) = about.takes {
        let body = RequestBodyBuilder::new().content(JSON, content(body)).required(Some(Required::True)).build();
        operation = operation.request_body(Some(body));
    }
    if about.signed_in {
        let none = Vec::<String>::new();
        operation = operation.security(SecurityRequirement::new(BEARER, none.clone())).security(SecurityRequirement::new(COOKIE, none));
    }
    operation.build()
}

pub(super) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, JSON)], axum::Json(document()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_document_names_every_route_and_every_type() {
        let document = serde_json::to_value(document()).unwrap();
        for route in routes() {
            let operation = &document["paths"][route.path][route.method.to_lowercase()];
            assert!(operation["responses"][route.about.status.to_string()].is_object(), "{} {}", route.method, route.path);
            assert!(operation["responses"]["429"].is_object() && operation["summary"].is_string());
        }
        let text = document.to_string();
        let referred: BTreeSet<&str> = text.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        for name in &referred {
            assert!(document["components"]["schemas"][name].is_object(), "{name} is referred to, and not there");
        }
        assert!(referred.len() > 20, "{referred:?}");
        assert_eq!(document["components"]["schemas"]["Register"]["properties"]["name"]["type"], "string");
    }
}
