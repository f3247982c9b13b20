//! What a server showed over TLS: for whom, by whom, and until when it is good.

use super::{About, Finding};
use crate::dial::DialError;
use crate::relayed::RelayError;
use rustls::pki_types::CertificateDer;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use x509_parser::parse_x509_certificate;

/// One that ends sooner should have been renewed: authorities renew 30 days before the end.
const RENEW_BEFORE: Duration = Duration::from_hours(7 * 24);

/// The chain's expiry; nothing where there was no TLS.
pub(super) fn check(place: &str, chain: &[CertificateDer<'static>]) -> Option<Finding> {
    judge(place, chain, SystemTime::now()).map(|finding| finding.about(About::Certificate))
}

fn judge(place: &str, chain: &[CertificateDer<'static>], now: SystemTime) -> Option<Finding> {
    let check = format!("Certificate at {place}");
    let first =
        chain.iter().filter_map(|certificate| parse_x509_certificate(certificate).ok()).map(|(_, c)| c);
    let ends = first.map(|c| (c.validity().not_after.timestamp(), c.subject().to_string())).min()?;
    let (end, subject) = (UNIX_EPOCH + Duration::from_secs(u64::try_from(ends.0).unwrap_or(0)), ends.1);
    let renew = "Renew the certificate and let the server read it anew.";
    Some(match end.duration_since(now) {
        Err(_) => Finding::fail(check, format!("{subject} has expired"), renew),
        Ok(left) if left < RENEW_BEFORE => {
            Finding::fail(check, format!("{subject} expires in {} h", left.as_secs() / 3600), renew)
        }
        Ok(left) => {
            let days = left.as_secs() / 86_400;
            let chain =
                if chain.len() == 1 { String::new() } else { format!("a chain of {}, ", chain.len()) };
            Finding::pass(check, format!("believed; {chain}good for {days} more days"))
        }
    })
}

/// What to do about a handshake that failed because the certificate was not believed.
pub(super) fn advice(error: &RelayError) -> Option<String> {
    let RelayError::Dial(DialError::Refused(error)) = error else { return None };
    let tls = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    Some(words(tls).to_owned())
}

pub(super) fn words(error: &rustls::Error) -> &'static str {
    use rustls::CertificateError as Fault;
    match error {
        rustls::Error::InvalidCertificate(Fault::Expired | Fault::ExpiredContext { .. }) => {
            "The certificate has expired: renew it and let the server read it anew."
        }
        rustls::Error::InvalidCertificate(Fault::NotValidYet | Fault::NotValidYetContext { .. }) => {
            "The certificate is not good yet: check this machine's clock."
        }
        rustls::Error::InvalidCertificate(Fault::NotValidForName | Fault::NotValidForNameContext { .. }) => {
            "The certificate is for another name: get one for the name that guests use."
        }
        rustls::Error::InvalidCertificate(Fault::ApplicationVerificationFailure) => {
            "This is not the certificate that was pinned: ask the host for a new invitation link, and how this came."
        }
        rustls::Error::InvalidCertificate(_) => {
            "No authority that this system trusts vouches for the certificate: let the server send its whole chain, \
             or use an invitation link with its fingerprint."
        }
        _ => "TLS cannot be spoken there: check that this port is the one that the server serves TLS on.",
    }
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::*;

    /// The first second of 2030-01-10.
    const END: u64 = 1_893_456_000 + 9 * 86_400;
    const DAY: Duration = Duration::from_hours(24);

    /// One that ends at the beginning of 10 January of that year.
    fn ending(year: i32) -> CertificateDer<'static> {
        let mut params = rcgen::CertificateParams::new(vec!["castle.example".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, 1, 10);
        params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    #[test]
    fn a_certificate_is_to_be_renewed_a_week_before_its_end() {
        let end = UNIX_EPOCH + Duration::from_secs(END);
        for (now, outcome, detail) in [
            (end - 8 * DAY, Outcome::Pass, "good for 8 more days"),
            (end - 7 * DAY, Outcome::Pass, "good for 7 more days"),
            (end - 6 * DAY, Outcome::Fail, "expires in 144 h"),
            (end + DAY, Outcome::Fail, "has expired"),
        ] {
            let finding = judge("castle.example:443", &[ending(2030)], now).unwrap();
            assert_eq!(finding.outcome, outcome, "{finding:?}");
            assert!(finding.detail.contains(detail), "{finding:?}");
            assert_eq!(
                finding.advice.is_some_and(|advice| advice.contains("Renew")),
                outcome == Outcome::Fail
            );
        }
    }

    #[test]
    fn a_chain_is_as_good_as_the_first_of_it_that_ends() {
        let end = UNIX_EPOCH + Duration::from_secs(END);
        let finding = judge("castle.example:443", &[ending(2040), ending(2030)], end + DAY).unwrap();
        assert_eq!(finding.outcome, Outcome::Fail, "{finding:?}");
        assert_eq!(judge("castle.example:443", &[], end), None);
    }
}
