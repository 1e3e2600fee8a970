//! A person's account at a relay, from the person's side: everything is derived from the password here, and only what opens nothing goes out.
//!
//! ```text
//! password ─ stretched with the relay's host and the account's name ─┬→ sign-in secret → the relay, which keeps a hash of it
//!                                                                    └→ unlock key     → stays: unwraps the private keys
//! ```

use bytes::Bytes;
use link::address::Relay;
use link::api::account::{
    Account, Base64, ChangePassword, CompleteRecovery, DeleteAccount, Deleted, Keys, NewKeys, Recover, Recoverable, Recovery, Register,
    Registered, Secret, Session, SignIn, SignedIn, Ticket, WrappedKeys,
};
use link::api::{self, Client};
use link::exit::{self, Code};
use seal::identity::{Identity, Wraps};
use seal::keys::{SignInSecret, UnlockKey};
use seal::password::{NotAHost, Password, Salt};
use seal::public::{self, PublicIdentity};
use seal::recovery::RecoveryCode;
use seal::secret::NoRandomness;
use seal::wrap::{self, Wrapped};
use serde::Deserialize;
use wire::id::Name;

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The relay was not reached, not trusted, or refuses.
    #[error(transparent)]
    Relay(#[from] api::Error),
    /// The relay goes by another name.
    #[error("{typed} is called {canonical} by its operator, and passwords are derived for that name alone")]
    OtherName {
        /// What was typed.
        typed: String,
        /// What it has to be.
        canonical: String,
    },
    /// The host cannot be part of a salt.
    #[error(transparent)]
    Host(#[from] NotAHost),
    /// The relay keeps keys that are none.
    #[error("the relay keeps keys of this account that are no keys: {0}")]
    Public(#[from] public::Error),
    /// The keys do not open.
    #[error(transparent)]
    Wrap(#[from] wrap::Error),
    /// No randomness.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The work was stopped; this program's fault.
    #[error("the password could not be worked on: {0}")]
    Stopped(#[from] tokio::task::JoinError),
}

impl From<Error> for exit::Error {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::Relay(error) => error.exit_code(),
            Error::OtherName { .. } | Error::Host(_) => Code::Usage,
            Error::Public(_) | Error::Wrap(wrap::Error::OtherKeys) => Code::Data,
            Error::Wrap(wrap::Error::Refused) => Code::NotAllowed,
            Error::Wrap(wrap::Error::NoRandomness(_)) | Error::NoRandomness(_) | Error::Stopped(_) => Code::Internal,
        };
        let help = match &error {
            Error::Relay(api::Error::Refused { code, .. }) => match code.as_str() {
                "sign-in" => Some("try again; who has forgotten the password uses `viewer recover`"),
                "signed-out" => Some("sign in again: viewer sign-in NAME --relay HOST:PORT"),
                "invite" => Some("ask the relay's operator for an invitation, and give it with --invite"),
                "name-taken" => Some("choose another name: one is never given out twice"),
                _ => None,
            },
            Error::OtherName { .. } => Some("type that name after --relay and in NAME@HOST:PORT"),
            _ => None,
        };
        let error = Self::of(code, &error);
        match help {
            Some(help) => error.with_help(help),
            None => error,
        }
    }
}

/// What one password, or one recovery code, stands for.
struct Secrets {
    sign_in: Secret,
    unlock: UnlockKey,
}

impl Secrets {
    fn of(sign_in: &SignInSecret, unlock: UnlockKey) -> Self {
        Self { sign_in: Secret::new(sign_in.expose()), unlock }
    }

    fn of_code(code: &RecoveryCode) -> Self {
        Self::of(&code.sign_in_secret(), code.unlock_key())
    }

    /// Takes half a second and 128 MiB.
    async fn of_password(host: &str, name: &Name, password: Password) -> Result<Self, Error> {
        let salt = Salt::account(host, name)?;
        Ok(tokio::task::spawn_blocking(move || {
            let master = password.stretch(&salt);
            Self::of(&master.sign_in_secret(), master.unlock_key())
        })
        .await?)
    }
}

/// What a relay says about itself.
#[derive(Deserialize)]
struct About {
    name: String,
}

/// The relay, for things that have to do with accounts.
#[derive(Debug, Clone)]
pub struct Accounts {
    client: Client,
}

impl Accounts {
    /// At the relay that `client` asks, once it is known to go by the name that was typed: another name would make another salt.
    ///
    /// # Errors
    /// When it is not reached, not trusted, or goes by another name.
    pub async fn at(client: Client) -> Result<Self, Error> {
        let about: About = client.get_json("/api/v1/relay").await?;
        let typed = client.relay();
        match Relay::new(&about.name, typed.port()) {
            Ok(canonical) if canonical.host() == typed.host() => Ok(Self { client }),
            // Shown in the one form that a host name has, whatever the relay wrote.
            Ok(canonical) => Err(Error::OtherName { typed: typed.host().to_owned(), canonical: canonical.host().to_owned() }),
            Err(_) => Err(api::Error::Unreadable("the name of the relay is not a host's".to_owned()).into()),
        }
    }

    /// Signed in with this token from now on.
    #[must_use]
    pub fn signed_in(self, token: &Secret) -> Self {
        Self { client: self.client.with_token(&token.reveal()) }
    }

    fn host(&self) -> &str {
        self.client.relay().host()
    }

    /// Makes an account with new keys, and gives the recovery code, which is nowhere else.
    ///
    /// # Errors
    /// When the relay refuses.
    pub async fn register(&self, name: &Name, password: Password, invite: Option<String>) -> Result<(Registered, RecoveryCode), Error> {
        let secrets = Secrets::of_password(self.host(), name, password).await?;
        let (identity, code) = (Identity::generate()?, RecoveryCode::random()?);
        let body = Register {
            name: name.to_string(),
            keys: keys(&identity, &secrets.unlock)?,
            sign_in: secrets.sign_in,
            recovery: recovery(&identity, &code)?,
            invite,
        };
        Ok((self.client.post_json("/api/v1/accounts", &body).await?, code))
    }

    /// Begins a session.
    ///
    /// # Errors
    /// When name or password is wrong; it is not said which.
    pub async fn sign_in(&self, name: &Name, password: Password) -> Result<SignedIn, Error> {
        let secrets = Secrets::of_password(self.host(), name, password).await?;
        Ok(self.client.post_json("/api/v1/sessions", &SignIn { name: name.to_string(), sign_in: secrets.sign_in }).await?)
    }

    /// Ends this session.
    ///
    /// # Errors
    /// When it has ended already, or the relay is not reached.
    pub async fn sign_out(&self) -> Result<(), Error> {
        self.delete("/api/v1/sessions/current").await
    }

    /// All sessions of the account.
    ///
    /// # Errors
    /// When nobody is signed in.
    pub async fn sessions(&self) -> Result<Vec<Session>, Error> {
        Ok(self.client.get_json("/api/v1/sessions").await?)
    }

    /// Ends one of them. The id is one that [`Self::sessions`] gave.
    ///
    /// # Errors
    /// When there is none of that id.
    pub async fn end(&self, id: &str) -> Result<(), Error> {
        self.delete(&format!("/api/v1/sessions/{id}")).await
    }

    /// The private keys, for whoever is signed in and knows the password.
    ///
    /// # Errors
    /// When the password is wrong, or the relay gives something else than was wrapped under it.
    pub async fn identity(&self, name: &Name, password: Password) -> Result<Identity, Error> {
        Ok(self.opened(name, password).await?.0)
    }

    async fn opened(&self, name: &Name, password: Password) -> Result<(Identity, Secrets), Error> {
        let account: Account = self.client.get_json("/api/v1/account").await?;
        let secrets = Secrets::of_password(self.host(), name, password).await?;
        let public = PublicIdentity::new(account.keys.public.into())?;
        Ok((wraps(&account.keys.wrapped)?.open(&secrets.unlock, public.keys())?, secrets))
    }

    /// A one-use pass for a live connection.
    ///
    /// # Errors
    /// When nobody is signed in.
    pub async fn ticket(&self) -> Result<Bytes, Error> {
        let ticket: Ticket = self.client.post_json("/api/v1/tickets", &()).await?;
        Ok(Bytes::copy_from_slice(ticket.ticket.expose()))
    }

    /// Another password. The keys stay, so every recording stays readable; every other session ends.
    ///
    /// # Errors
    /// When the old password is wrong.
    pub async fn change_password(&self, name: &Name, old: Password, new: Password) -> Result<(), Error> {
        let (identity, old) = self.opened(name, old).await?;
        let new = Secrets::of_password(self.host(), name, new).await?;
        let body = ChangePassword { sign_in: old.sign_in, new_sign_in: new.sign_in, wrapped: wrapped(&identity, &new.unlock)? };
        Ok(self.client.send_json(api::Method::PUT, "/api/v1/account/password", &body).await?)
    }

    /// New keys, because the old ones leaked, and with them a new recovery code. Whoever named the old ones has to name the new ones.
    ///
    /// # Errors
    /// When the password is wrong.
    pub async fn new_keys(&self, name: &Name, password: Password) -> Result<(PublicIdentity, RecoveryCode), Error> {
        let secrets = Secrets::of_password(self.host(), name, password).await?;
        let (identity, code) = (Identity::generate()?, RecoveryCode::random()?);
        let body = NewKeys { keys: keys(&identity, &secrets.unlock)?, sign_in: secrets.sign_in, recovery: recovery(&identity, &code)? };
        let _: Registered = self.client.send_json(api::Method::PUT, "/api/v1/account/keys", &body).await?;
        Ok((PublicIdentity::new(identity.public())?, code))
    }

    /// A new password for whoever has the recovery code, which is used up by that: the new one is given.
    ///
    /// # Errors
    /// When name or code is wrong.
    pub async fn recover(&self, name: &Name, code: &RecoveryCode, new: Password) -> Result<RecoveryCode, Error> {
        let old = Secrets::of_code(code);
        let ask = Recover { name: name.to_string(), recovery_sign_in: old.sign_in.clone() };
        let found: Recoverable = self.client.post_json("/api/v1/recoveries", &ask).await?;
        let public = PublicIdentity::new(found.public.into())?;
        let identity = wraps(&found.wrapped)?.open(&old.unlock, public.keys())?;
        let secrets = Secrets::of_password(self.host(), name, new).await?;
        let code = RecoveryCode::random()?;
        let body = CompleteRecovery {
            name: name.to_string(),
            recovery_sign_in: old.sign_in,
            wrapped: wrapped(&identity, &secrets.unlock)?,
            new_sign_in: secrets.sign_in,
            recovery: recovery(&identity, &code)?,
        };
        let () = self.client.post_json("/api/v1/recoveries/complete", &body).await?;
        Ok(code)
    }

    /// Gives the account up, and tells what stays.
    ///
    /// # Errors
    /// When the password is wrong.
    pub async fn delete_account(&self, name: &Name, password: Password) -> Result<Deleted, Error> {
        let secrets = Secrets::of_password(self.host(), name, password).await?;
        Ok(self.client.send_json(api::Method::DELETE, "/api/v1/account", &DeleteAccount { sign_in: secrets.sign_in }).await?)
    }

    async fn delete(&self, path: &str) -> Result<(), Error> {
        self.client.request(api::Method::DELETE, path, None).await?;
        Ok(())
    }
}

fn keys(identity: &Identity, unlock: &UnlockKey) -> Result<Keys, Error> {
    Ok(Keys { public: identity.public().into(), wrapped: wrapped(identity, unlock)? })
}

fn recovery(identity: &Identity, code: &RecoveryCode) -> Result<Recovery, Error> {
    let secrets = Secrets::of_code(code);
    Ok(Recovery { wrapped: wrapped(identity, &secrets.unlock)?, sign_in: secrets.sign_in })
}

fn wrapped(identity: &Identity, unlock: &UnlockKey) -> Result<WrappedKeys, Error> {
    let wraps = identity.wrap(unlock)?;
    Ok(WrappedKeys { x25519: Base64(wraps.exchange.to_bytes()), ed25519: Base64(wraps.signing.to_bytes()) })
}

fn wraps(wrapped: &WrappedKeys) -> Result<Wraps, Error> {
    let one = |bytes: &Base64<{ Wrapped::LENGTH }>| Wrapped::from_bytes(&bytes.0).ok_or(wrap::Error::Refused);
    Ok(Wraps { exchange: one(&wrapped.x25519)?, signing: one(&wrapped.ed25519)? })
}
