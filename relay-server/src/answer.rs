//! Answers of the APIs: JSON, and when something is refused a code for programs and a sentence for people.

use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The status (RFC 9110, section 15).
    pub status: StatusCode,
    /// A short name that never changes its meaning.
    pub code: &'static str,
    /// What happened, whose fault it is, and what to do next.
    pub message: String,
    /// Seconds after which another attempt makes sense.
    pub retry_after: Option<u64>,
}

/// How a refusal is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Written {
    /// [`Refused::code`].
    pub code: String,
    /// [`Refused::message`].
    pub message: String,
}

impl Refused {
    /// A refusal with this status, code and sentence.
    pub fn new(status: StatusCode, code: &'static str, message: impl ToString) -> Self {
        Self { status, code, message: message.to_string(), retry_after: None }
    }

    /// The relay's own fault: what exactly stays in its log.
    #[must_use]
    pub fn internal(error: &dyn std::error::Error) -> Self {
        tracing::error!(error = %error, "a request could not be answered");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the relay could not do it, by its own fault: its log tells why")
    }

    /// There is no such route.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "this relay has nothing under this address")
    }

    /// The route is there, but not for this method.
    #[must_use]
    pub fn method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method", "this address does not take this method")
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let written = Written { code: self.code.to_owned(), message: self.message };
        let mut response = (self.status, axum::Json(written)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// A body in JSON; what is wrong with it is refused like everything else.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

impl<T, S> FromRequest<S> for Json<T>
where
    axum::Json<T>: FromRequest<S, Rejection = JsonRejection>,
    S: Send + Sync,
{
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        match axum::Json::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(Refused::new(rejection.status(), "body", rejection.body_text())),
        }
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}
