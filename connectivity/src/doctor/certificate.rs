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
