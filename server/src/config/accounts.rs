//! Settings of accounts: who may register, and what passwords cost.

use crate::accounts::AccountsConfig;
use clap::Args;
use clap::builder::BoolishValueParser;

/// Settings of accounts.
#[derive(Debug, Clone, Args)]
pub struct AccountsArgs {
    /// Anybody who reaches this server may make an account, without an invitation.
    #[arg(long, env = "CASTLE_OPEN_REGISTRATION", value_parser = BoolishValueParser::new())]
    pub open_registration: bool,
    /// Wrong passwords that one address (of IPv6 one /64) may send at once, before it has to wait. More where many
    /// guests share one address. [default: 64]
    #[arg(long, env = "CASTLE_WRONG_PASSWORDS_PER_ADDRESS", value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub wrong_passwords_per_address: Option<u32>,
    /// Passwords that are hashed at once, 19 MiB each. [default: one for each core but one, at least one]
    #[arg(long, env = "CASTLE_PASSWORD_HASHES", value_name = "N",
          value_parser = clap::value_parser!(u16).range(1..=256))]
    pub password_hashes: Option<u16>,
}

impl From<AccountsArgs> for AccountsConfig {
    fn from(args: AccountsArgs) -> Self {
        let mut accounts = Self { open_registration: args.open_registration, ..Self::default() };
        if let Some(burst) = args.wrong_passwords_per_address {
            accounts.throttle.address.burst = burst;
        }
        if let Some(at_once) = args.password_hashes {
            accounts.hashing.at_once = at_once.into();
        }
        accounts
    }
}
