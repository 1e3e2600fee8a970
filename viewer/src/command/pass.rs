//! Who somebody is at a relay's door: nobody, or whoever is signed in there; and the key that lifts masks.

use bytes::Bytes;
use link::address::Relay;
use link::api::{self, Client};
use link::exit::{Code, Error, OrExit as _};
use link::tls;
use seal::file::IdentityFile;
use wire::id::Name;

use super::target::{pin_relay, trust};
use super::{Accept, Unlocking, password};
use crate::account::{self, Accounts};
use crate::home::Home;
use crate::session::Session;
use crate::unlock::Unlock;

/// What is shown at the door.
#[derive(Debug, Clone, Default)]
pub(super) struct Pass {
    signed_in: Option<Accounts>,
    /// Whether it must be shown: nothing is unlocked without.
    needed: bool,
}

/// Who is signed in at a relay.
pub(super) struct Person {
    pub(super) accounts: Accounts,
    pub(super) name: Name,
}

/// A client for the relay's API, which is verified as everywhere.
pub(super) fn client(home: &Home, relay: &Relay, accept: &Accept) -> Result<Client, Error> {
    let tls = tls::Client::new(trust(&home.pins(), relay, accept)?, None, tls::API).or_exit(Code::Internal)?;
    Ok(Client::new(relay.clone(), tls))
}

/// The accounts of a relay, which is remembered if it is new.
pub(super) async fn accounts(home: &Home, relay: &Relay, accept: &Accept) -> Result<Accounts, Error> {
    let client = client(home, relay, accept)?;
    let accounts = Accounts::at(client.clone()).await?;
    remember(home, &client, accept)?;
    Ok(accounts)
}

/// Remembers a relay that was met over the API, if it is new.
pub(super) fn remember(home: &Home, client: &Client, accept: &Accept) -> Result<(), Error> {
    if let Some(root) = client.root()
        && let Some(note) = pin_relay(&home.pins(), client.relay(), &root, accept)?
    {
        eprintln!("{note}");
    }
    Ok(())
}

/// Who is signed in at the relay; an error if nobody is.
pub(super) async fn person(home: &Home, relay: &Relay, accept: &Accept) -> Result<Person, Error> {
    let session = Session::load(home, relay)?.ok_or_else(|| {
        Error::new(Code::NotAllowed, format!("nobody is signed in at {relay}"))
            .with_help(format!("viewer sign-in NAME --relay {relay}; without an account, name an identity file (--identity)"))
    })?;
    let accounts = accounts(home, relay, accept).await?.signed_in(&session.token);
    Ok(Person { accounts, name: session.name })
}

impl Pass {
    /// A ticket for one connection, if somebody is signed in.
    pub(super) async fn ticket(&self) -> Result<Option<Bytes>, Error> {
        let Some(accounts) = &self.signed_in else { return Ok(None) };
        match accounts.ticket().await {
            Ok(ticket) => Ok(Some(ticket)),
            // What everybody may see needs no session: one that has ended is no reason to see nothing.
            Err(account::Error::Relay(api::Error::Refused { status: 401, .. })) if !self.needed => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl Unlocking {
    /// What is shown at the relay's door, and the key that lifts masks, if that was asked for: from an identity file, or from the account
    /// that is signed in there.
    pub(super) async fn at(&self, home: &Home, relay: &Relay, accept: &Accept) -> Result<(Pass, Option<Unlock>), Error> {
        let unlock = self.identity_file()?;
        if self.unlock && unlock.is_none() {
            let Person { accounts, name } = person(home, relay, accept).await?;
            let password = password::read(self.password_file.as_deref(), &format!("Password of {name} at {relay}: "))?;
            let identity = accounts.identity(&name, password).await?;
            return Ok((Pass { signed_in: Some(accounts), needed: true }, Some(Unlock::new(identity, self.asked()))));
        }
        let signed_in = match Session::load(home, relay)? {
            Some(session) if unlock.is_none() => Some(accounts(home, relay, accept).await?.signed_in(&session.token)),
            _ => None,
        };
        Ok((Pass { signed_in, needed: false }, unlock))
    }

    /// The key that lifts masks, from an identity file.
    pub(super) fn identity_file(&self) -> Result<Option<Unlock>, Error> {
        let (true, Some(path)) = (self.unlock, &self.identity) else { return Ok(None) };
        let bytes = link::file::read(path, seal::file::MAX_FILE + 1)
            .map_err(|error| Error::new(Code::of_input(&error), format!("the identity file {} cannot be read: {error}", path.display())))?;
        let file = IdentityFile::from_toml(&bytes)
            .map_err(|error| Error::new(Code::Data, format!("{} is no identity file: {error}", path.display())))?;
        let password = password::read(self.password_file.as_deref(), &format!("Password for {}: ", path.display()))?;
        let identity = file.unlock(&password).or_exit(Code::NotAllowed)?;
        Ok(Some(Unlock::new(identity, self.asked())))
    }
}
