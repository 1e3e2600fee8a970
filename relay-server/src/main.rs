//! `relay-server`: arguments, what they ask for, exit code.

use std::process::ExitCode;

use clap::Parser as _;
use link::exit::{Code, Error, report};
use relay_server::command::{Cli, carry_out};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; everything else is a usage error (64).
            let code = if error.use_stderr() { ExitCode::from(Code::Usage) } else { ExitCode::SUCCESS };
            let _ = error.print();
            return code;
        }
    };
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => report(runtime.block_on(carry_out(cli))),
        Err(error) => report(Err(Error::of(Code::Internal, &error))),
    }
}
