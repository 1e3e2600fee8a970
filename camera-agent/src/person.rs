//! Somebody with an account at the relay: their key is asked for there, and believed only once two people have compared it.
//!
//! The relay could answer with a key of its own. So four of the fingerprint's sixteen groups are hidden here, and whoever adds the person
//! types them as that person reads them out.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use link::api::account::Person;
use link::api::{self, Client};
use link::exit::{Code, Error, OrExit as _};
use link::tls::{self, Trust};
use seal::public::{PublicIdentity, spoken};
use wire::id::{Fingerprint, Name};

use crate::enroll::Enrolment;

/// How many groups are typed. A relay may search for a key that is alike in some of the sixteen, before it knows which will be asked for: in four,
/// 2^53 keys, and then these four are asked for once in 1,820 times.
const TYPED: usize = 4;

/// What is shown of a group that has to be typed.
const HIDDEN: &str = "····";

/// Asks the relay for somebody's key.
///
/// # Errors
/// When the relay is not reached, not trusted, knows nobody of that name, or gives no key.
pub async fn ask(enrolment: &Enrolment, name: &Name) -> Result<PublicIdentity, Error> {
    let identity = enrolment.identity()?;
    let tls = tls::Client::new(Trust::Pinned(enrolment.root.fingerprint), Some(&identity), tls::API).or_exit(Code::Internal)?;
    let client = Client::new(enrolment.relay.clone(), tls);
    let person: Person = client.get_json(&format!("/api/v1/people/{name}")).await.map_err(|error| {
        let nobody = matches!(&error, api::Error::Refused { status: 404, .. });
        let error = Error::from(error);
        if nobody {
            error.with_help("do they have an account there (`viewer register`)? Without one, give their key with --key")
        } else {
            error
        }
    })?;
    let other = || Error::new(Code::Data, format!("the relay was asked for {name} and answers with somebody else: tell its operator"));
    if person.name != name.as_str() {
        return Err(other());
    }
    PublicIdentity::new(person.public.into()).or_exit(Code::Data)
}

/// Lets somebody compare the key with its owner: against the whole fingerprint if it was brought along, else on the terminal.
///
/// # Errors
/// When it is another one, or nobody can be asked.
pub fn compare(name: &Name, key: &PublicIdentity, brought: Option<Fingerprint>) -> Result<(), Error> {
    let fingerprint = key.keys().fingerprint();
    if let Some(brought) = brought {
        return if brought == fingerprint { Ok(()) } else { Err(differs(name)) };
    }
    if !io::stdin().is_terminal() {
        return Err(Error::new(Code::Usage, format!("the key of {name} has to be compared, and there is no terminal to ask on"))
            .with_help("ask them for their fingerprint, and give it with --fingerprint"));
    }
    let mut places = [0; TYPED];
    choose(&mut places)?;
    println!("The relay has this key for {name}. Let them read their fingerprint to you, over a way that is not this relay:");
    println!("  {}", with_gaps(fingerprint, &places));
    let numbers: Vec<String> = places.iter().map(|place| (place + 1).to_string()).collect();
    print!("Type the groups that are hidden, number {}: ", numbers.join(", "));
    io::stdout().flush().or_exit(Code::Io)?;
    let mut typed = String::new();
    io::stdin().lock().read_line(&mut typed).or_exit(Code::Io)?;
    if is_typed(fingerprint, &places, &typed) { Ok(()) } else { Err(differs(name)) }
}

fn differs(name: &Name) -> Error {
    Error::new(Code::NotAllowed, format!("that is not the key that the relay has for {name}; nothing was changed")).with_help(
        "a typing error, or the relay gives out another key than theirs: compare again, or take their key from themselves (--key)",
    )
}

/// Different places in rising order, which nobody can foretell.
fn choose(places: &mut [usize; TYPED]) -> Result<(), Error> {
    let mut random = [0u8; TYPED];
    loop {
        getrandom::fill(&mut random).or_exit(Code::Internal)?;
        *places = random.map(|byte| usize::from(byte % 16));
        places.sort_unstable();
        if places.windows(2).all(|pair| pair[0] < pair[1]) {
            return Ok(());
        }
    }
}

fn with_gaps(fingerprint: Fingerprint, places: &[usize]) -> String {
    let text = spoken(fingerprint);
    let groups = text.split(' ').enumerate().map(|(place, group)| if places.contains(&place) { HIDDEN } else { group });
    groups.collect::<Vec<_>>().join(" ")
}

fn is_typed(fingerprint: Fingerprint, places: &[usize], typed: &str) -> bool {
    let text = spoken(fingerprint);
    let wanted: String = text.split(' ').enumerate().filter(|(place, _)| places.contains(place)).map(|(_, group)| group).collect();
    let typed: String = typed.chars().filter(char::is_ascii_alphanumeric).collect();
    typed.eq_ignore_ascii_case(&wanted)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use seal::identity::Identity;

    use super::*;

    fn key() -> PublicIdentity {
        PublicIdentity::new(Identity::generate().unwrap().public()).unwrap()
    }

    #[test]
    fn what_has_to_be_typed_is_not_shown() {
        let fingerprint = key().keys().fingerprint();
        let mut places = [0; TYPED];
        choose(&mut places).unwrap();
        assert!(places.windows(2).all(|pair| pair[0] < pair[1]) && places[TYPED - 1] < 16);
        let shown = with_gaps(fingerprint, &places);
        let groups: Vec<_> = shown.split(' ').collect();
        assert_eq!(groups.len(), 16);
        assert_eq!(groups.iter().filter(|group| **group == HIDDEN).count(), TYPED);
        assert!(places.iter().all(|place| groups[*place] == HIDDEN));
    }

    #[test]
    fn only_the_right_groups_will_do() {
        let fingerprint = key().keys().fingerprint();
        let text = spoken(fingerprint);
        let groups: Vec<_> = text.split(' ').collect();
        let right = format!(" {} {}\n", groups[2].to_uppercase(), groups[9]);
        assert!(is_typed(fingerprint, &[2, 9], &right));
        assert!(!is_typed(fingerprint, &[2, 9], ""), "nothing");
        assert!(!is_typed(fingerprint, &[2, 9], groups[2]), "only one");
        assert!(!is_typed(fingerprint, &[2, 9], &text), "the whole");
        assert!(!is_typed(key().keys().fingerprint(), &[2, 9], &right), "of another key");
    }

    #[test]
    fn attack_the_relay_gives_a_key_of_its_own() {
        let (name, theirs, forged): (Name, _, _) = ("ana".parse().unwrap(), key(), key());
        let read_out = theirs.keys().fingerprint();
        assert_eq!(compare(&name, &forged, Some(read_out)).unwrap_err().code, Code::NotAllowed);
        compare(&name, &theirs, Some(read_out)).unwrap();
    }
}
