//! Logins over gRPC beside the bare hash they must compute.

use crate::percentile;
use crate::relay::Process;
use crate::row::{Better, Row};
use argon2::{Algorithm, Argon2, Params, Version};
use castle::v1;
use castle::v1::castle_service_client::CastleServiceClient;
use std::time::Instant;

/// Logins measured, one after the other.
const LOGINS: usize = 60;

pub(crate) fn rows() -> Result<Vec<Row>, Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Runtime::new()?;
    let server = Process::start("castle")?;
    let mut logins = runtime.block_on(async {
        let mut client = CastleServiceClient::connect(server.url.clone()).await?;
        client
            .register(v1::RegisterRequest {
                invitation_code: server.invitation.clone(),
                name: "bench-login".to_owned(),
                password: "a long enough password".to_owned(),
                ..Default::default()
            })
            .await?;
        let mut times = Vec::with_capacity(LOGINS);
        for _ in 0..LOGINS {
            let at = Instant::now();
            client
                .login(v1::LoginRequest {
                    name: "bench-login".to_owned(),
                    password: "a long enough password".to_owned(),
                    ..Default::default()
                })
                .await?;
            times.push(at.elapsed().as_secs_f64() * 1e3);
        }
        Ok::<_, Box<dyn std::error::Error>>(times)
    })?;
    let params = Params::new(19 * 1024, 2, 1, None).expect("these are within Argon2's limits");
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut hashes: Vec<f64> = (0..LOGINS)
        .map(|_| {
            let at = Instant::now();
            let mut out = [0; 32];
            argon2
                .hash_password_into(b"a long enough password", b"sixteen bytes ..", &mut out)
                .expect("fits");
            std::hint::black_box(out);
            at.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    Ok(vec![
        Row::new("login: p50", "ms", Better::Lower, percentile(&mut logins, 0.5))
            .beside("the bare hash", percentile(&mut hashes, 0.5)),
        Row::new("login: p99", "ms", Better::Lower, percentile(&mut logins, 0.99))
            .beside("the bare hash", percentile(&mut hashes, 0.99)),
    ])
}
