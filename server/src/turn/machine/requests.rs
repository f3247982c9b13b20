//! **Pure**: what each request is answered (RFC 8489 section 9.2, RFC 8656 sections 5 to 12).

use super::access::{Claim, Nonce, Owner, REALM};
use super::allocation::{Allocation, NotMade, Peers, Relayed};
use super::limits::{Pace, Sender, network};
use super::{Client, Effect, Effects, Machine, Now, Sockets, quota_of};
use crate::turn::counters::Dropped;
use crate::turn::wire::{CHANNELS, Family, Key, Malformed, Method, Request, Writer};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Shortest and longest life of an allocation, seconds (RFC 8656 section 7.2).
const LIFETIME_S: std::ops::RangeInclusive<u32> = 600..=3600;
/// Protocol number of UDP.
const UDP: u8 = 17;
/// SOFTWARE, in answers to guests.
const SOFTWARE: &str = concat!("castle ", env!("CARGO_PKG_VERSION"));

/// A request is refused with this ERROR-CODE, signed with the key where there is one.
struct Refusal {
    code: u16,
    key: Option<Key>,
}

impl From<Malformed> for u16 {
    fn from(Malformed: Malformed) -> Self {
        400
    }
}

/// What an allocation is asked for.
struct Wish {
    family: Family,
    additional: bool,
    even: bool,
    lifetime: u32,
}

impl<L: Clone, S: Sockets> Machine<L, S> {
    /// Answers a request, unless there are too many.
    pub(super) fn request(
        &mut self,
        now: Now,
        client: Client,
        link: &L,
        request: &Request<'_>,
        effects: &mut Effects<L, S::Socket>,
    ) -> Result<(), Dropped> {
        let nonce = request.nonce(|nonce| self.access.look_at(now.unix, client.from, nonce));
        let nonce = nonce.unwrap_or(Nonce::Foreign);
        if !self.hears(now.at, client, nonce) {
            return Err(Dropped::Rate);
        }
        let answer = match request.method {
            Method::Binding if request.unknown().is_empty() => {
                Ok(Writer::success(request).mapped(client.from).finish(None))
            }
            Method::Binding => Err(Refusal { code: 420, key: None }),
            _ => self.perform(now, client, link, request, nonce, effects),
        };
        let answer = answer.unwrap_or_else(|refusal| self.refuse(now, client, request, &refusal));
        effects.answer(link.clone(), &answer);
        Ok(())
    }

    fn refuse(&self, now: Now, client: Client, request: &Request<'_>, refusal: &Refusal) -> Vec<u8> {
        self.counters.refuse(refusal.code);
        let answer = Writer::error(request, refusal.code);
        let answer = match refusal.code {
            401 | 438 => answer.challenge(REALM, self.access.nonce(now.unix, client.from).as_bytes()),
            420 => answer.unknown(&request.unknown()),
            _ => answer,
        };
        answer.finish(refusal.key.as_ref())
    }

    /// Whether there is room for one more request from there. Who proved their address is never crowded out by those who
    /// may have made theirs up, nor a live allocation by anybody.
    fn hears(&mut self, now: Duration, client: Client, nonce: Nonce) -> bool {
        let limits = &self.limits;
        let proven = client.stream || nonce != Nonce::Foreign;
        if proven && let Some(allocation) = self.allocations.get_mut(&client) {
            return allocation.pace.take(now, limits.allocation_requests, 1);
        }
        let by_proxy = client.stream && self.proxies.contains(client.from.ip());
        let sender = if by_proxy {
            Sender::Connection(client.from)
        } else {
            Sender::Network(network(client.from.ip()))
        };
        if proven {
            return self.proven.take(now, limits.network_requests, sender);
        }
        self.unproven.take(now, limits.network_requests, sender)
            && self.unproven_pace.take(now, limits.unproven_requests, 1)
    }

    fn perform(
        &mut self,
        now: Now,
        client: Client,
        link: &L,
        request: &Request<'_>,
        nonce: Nonce,
        effects: &mut Effects<L, S::Socket>,
    ) -> Result<Vec<u8>, Refusal> {
        let unsigned = |code| Refusal { code, key: None };
        let (username, claim) = self.authenticate(client, request, nonce).map_err(unsigned)?;
        let key = claim.key.clone();
        let signed = |code| Refusal { code, key: Some(key.clone()) };
        if !request.unknown().is_empty() {
            return Err(signed(420));
        }
        if self.allocations.get(&client).is_some_and(|allocation| allocation.until <= now.at) {
            self.end(client, effects);
        }
        if request.method == Method::Allocate {
            if let Some(allocation) = self.allocations.get(&client) {
                let again = allocation.made_by == request.transaction && allocation.username == username;
                return if again { Ok(allocation.answer.clone()) } else { Err(signed(437)) };
            }
            if !self.access.is_good(now.unix, &claim) {
                return Err(unsigned(401));
            }
            let answer = self.allocate(now, client, link, request, (username, claim), effects);
            return answer.map_err(signed);
        }
        let allocation = self.allocations.get(&client);
        if allocation.is_some_and(|allocation| allocation.username != username) {
            return Err(signed(441));
        }
        if let Some(answer) = self.farewells.answer((client, request.transaction)) {
            return Ok(answer.to_vec());
        }
        if allocation.is_none() {
            return Err(signed(437));
        }
        match request.method {
            Method::Refresh => self.refresh(now.at, client, request, &key, effects),
            Method::CreatePermission => self.create_permission(now.at, client, request, &key),
            Method::ChannelBind => self.bind_channel(now.at, client, request, &key),
            Method::Allocate | Method::Binding => unreachable!("answered above"),
        }
        .map_err(signed)
    }

    /// Whose credential the request is signed with, by the order of RFC 8489 section 9.2.4. A live allocation's own is not read again, so that it is good
    /// for as long as the allocation lives.
    fn authenticate(
        &self,
        client: Client,
        request: &Request<'_>,
        nonce: Nonce,
    ) -> Result<(String, Claim), u16> {
        if !request.is_signed() {
            return Err(401);
        }
        let username = request.username().ok_or(400_u16)?;
        let our_realm = request.realm_is(REALM).ok_or(400_u16)?;
        request.nonce(|_| ()).ok_or(400_u16)?;
        if nonce != Nonce::Fresh {
            return Err(438);
        }
        let known = self.allocations.get(&client).filter(|allocation| allocation.username == username);
        let claim = match known {
            Some(Allocation { owner, key, .. }) => {
                Some(Claim { expiry: u64::MAX, owner: *owner, key: key.clone() })
            }
            None => self.access.claim(&username),
        };
        let claim = claim.filter(|claim| our_realm && request.is_signed_with(&claim.key)).ok_or(401_u16)?;
        Ok((username, claim))
    }

    fn allocate(
        &mut self,
        now: Now,
        client: Client,
        link: &L,
        request: &Request<'_>,
        (username, claim): (String, Claim),
        effects: &mut Effects<L, S::Socket>,
    ) -> Result<Vec<u8>, u16> {
        let wish = self.wish(request)?;
        let room = self.room_for(claim.owner)?;
        let mut relayed = BTreeMap::from([(wish.family, self.open(wish.family, wish.even).ok_or(508_u16)?)]);
        let mut answer = Writer::success(request).relayed(relayed[&wish.family].shown);
        if wish.additional {
            let second = if room > 1 { self.open(Family::V6, false) } else { None };
            answer = match second {
                Some(second) => {
                    let answer = answer.relayed(second.shown);
                    relayed.insert(Family::V6, second);
                    answer
                }
                None if self.ips.contains_key(&Family::V6) => answer.address_error(Family::V6, 508),
                None => answer.address_error(Family::V6, 440),
            };
        }
        let answer = answer.lifetime(wish.lifetime).mapped(client.from).software(SOFTWARE);
        let answer = answer.finish(Some(&claim.key));
        for (family, one) in &relayed {
            self.ports.insert((*family, one.shown.port()), client);
            effects.list.push(Effect::Open(one.socket.clone()));
        }
        self.owners.entry(quota_of(claim.owner)).or_default().addresses += relayed.len();
        let allocation = Allocation {
            link: link.clone(),
            relayed,
            username,
            key: claim.key,
            owner: claim.owner,
            until: now.at + Duration::from_secs(wish.lifetime.into()),
            made_by: request.transaction,
            answer: answer.clone(),
            pace: Pace::default(),
            peers: Peers::default(),
        };
        self.allocations.insert(client, allocation);
        self.counters.allocated();
        Ok(answer)
    }

    /// How many relayed addresses this owner may have besides those there are: one at least.
    fn room_for(&self, owner: Owner) -> Result<usize, u16> {
        let held = self.owners.get(&quota_of(owner)).map_or(0, |account| account.addresses);
        let left = |most: usize, there: usize| most.checked_sub(there).filter(|left| *left > 0);
        let of_guest = left(self.limits.allocations_per_guest, held).ok_or(486_u16)?;
        let of_all = left(self.limits.allocations, self.ports.len()).ok_or(508_u16)?;
        Ok(of_guest.min(of_all))
    }

    /// Reads what is asked for, in the order of RFC 8656 section 7.2.
    fn wish(&self, request: &Request<'_>) -> Result<Wish, u16> {
        match request.transport()? {
            None => return Err(400),
            Some(UDP) => {}
            Some(_) => return Err(442),
        }
        let (even, family, additional) =
            (request.even_port()?, request.family()?, request.additional_family()?);
        if request.has_reservation() {
            // Nothing is ever reserved, so that no token is ours.
            return Err(if even.is_some() || family.is_some() || additional.is_some() { 400 } else { 508 });
        }
        if additional.is_some_and(|family_asked| {
            family_asked != Some(Family::V6) || family.is_some() || even.is_some()
        }) {
            return Err(400);
        }
        let family = match family {
            None => Family::V4,
            Some(known) => known.ok_or(440_u16)?,
        };
        if !self.ips.contains_key(&family) {
            return Err(440);
        }
        if even == Some(true) {
            return Err(508); // no port is kept for later
        }
        let lifetime = lifetime(request.lifetime()?);
        Ok(Wish { family, additional: additional.is_some(), even: even.is_some(), lifetime })
    }

    fn open(&mut self, family: Family, even: bool) -> Option<Relayed<S::Socket>> {
        let ips = *self.ips.get(&family)?;
        let (socket, port) = self.sockets.open(ips.bound, even)?;
        Some(Relayed { socket, shown: SocketAddr::new(ips.shown, port) })
    }

    fn refresh(
        &mut self,
        now: Duration,
        client: Client,
        request: &Request<'_>,
        key: &Key,
        effects: &mut Effects<L, S::Socket>,
    ) -> Result<Vec<u8>, u16> {
        let allocation = self.allocations.get_mut(&client).ok_or(437_u16)?;
        let asked = request.lifetime()?;
        let family = request.family()?;
        let one = match family {
            None => None,
            Some(Some(family)) if allocation.relayed.contains_key(&family) => Some(family),
            Some(_) => return Err(443),
        };
        let lifetime = if asked == Some(0) { 0 } else { lifetime(asked) };
        let answer = Writer::success(request).lifetime(lifetime).software(SOFTWARE).finish(Some(key));
        if lifetime > 0 {
            allocation.until = now + Duration::from_secs(lifetime.into());
            return Ok(answer);
        }
        if let Some(family) = one
            && allocation.relayed.len() > 1
        {
            let relayed = allocation.relayed.remove(&family).expect("it was there just above");
            let owner = allocation.owner;
            self.give_back(owner, family, relayed, effects);
        } else {
            self.end(client, effects);
        }
        self.farewells.keep(now, (client, request.transaction), answer.clone());
        Ok(answer)
    }

    fn create_permission(
        &mut self,
        now: Duration,
        client: Client,
        request: &Request<'_>,
        key: &Key,
    ) -> Result<Vec<u8>, u16> {
        // A permission is for an address, whichever ports are named with it.
        let named: BTreeSet<_> = request.peers()?.iter().map(SocketAddr::ip).collect();
        if named.is_empty() {
            return Err(400);
        }
        // Before any is looked at: a message holds more of them than an allocation may have.
        if named.len() > self.limits.permissions {
            return Err(508);
        }
        let mut ips = Vec::with_capacity(named.len());
        for ip in named {
            self.may_talk_to(client, ip)?;
            ips.push(self.key_of(SocketAddr::new(ip, 0)).ip());
        }
        let allocation = self.allocations.get_mut(&client).ok_or(437_u16)?;
        allocation.peers.permit(now, &self.limits, &ips).map_err(|_| 508_u16)?;
        Ok(Writer::success(request).software(SOFTWARE).finish(Some(key)))
    }

    fn bind_channel(
        &mut self,
        now: Duration,
        client: Client,
        request: &Request<'_>,
        key: &Key,
    ) -> Result<Vec<u8>, u16> {
        let number = request.channel()?.filter(|number| CHANNELS.contains(number)).ok_or(400_u16)?;
        let peer = *request.peers()?.first().ok_or(400_u16)?;
        self.may_talk_to(client, peer.ip())?;
        let known_as = self.key_of(peer);
        let allocation = self.allocations.get_mut(&client).ok_or(437_u16)?;
        allocation.peers.bind(now, &self.limits, number, (peer, known_as)).map_err(|why| match why {
            NotMade::Taken => 400_u16,
            NotMade::TooMany => 508,
        })?;
        Ok(Writer::success(request).software(SOFTWARE).finish(Some(key)))
    }

    /// Whether an allocation may have this peer. The relay's own addresses may be named, for the sake of its live
    /// ones; which ports of them are live is asked for each packet.
    fn may_talk_to(&self, client: Client, peer: IpAddr) -> Result<(), u16> {
        let family = Family::of(peer);
        let allocation = self.allocations.get(&client).ok_or(437_u16)?;
        if !allocation.relayed.contains_key(&family) {
            return Err(443);
        }
        let ours = self.ips.get(&family).is_some_and(|ips| [ips.bound, ips.shown].contains(&peer));
        if ours || self.peers.allow(peer) { Ok(()) } else { Err(403) }
    }
}

fn lifetime(asked: Option<u32>) -> u32 {
    asked.unwrap_or(*LIFETIME_S.start()).clamp(*LIFETIME_S.start(), *LIFETIME_S.end())
}
