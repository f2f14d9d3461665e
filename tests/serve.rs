//! `halfrate serve`, asked by a PostgreSQL driver: types, refusals, new audits, crowds and logins.
//!
//! In builds with the feature `serve`; without it the command says how to get one.

#[cfg(not(feature = "serve"))]
#[test]
fn a_build_without_it_says_how_to_get_it() {
    let done = crate::program::halfrate(["serve"]).exits(1);
    assert!(done.stderr.contains("--features serve"), "{}", done.stderr);
}

#[cfg(feature = "serve")]
mod served {
    use std::io::{BufRead, BufReader};
    use std::path::Path;
    use std::process::{Child, Command};

    use tempfile::TempDir;

    use crate::peers::run_script;
    use crate::program::{Run, audit, halfrate, sample_audit, sample_data};

    /// A server that ends with its value.
    struct Server {
        process: Child,
        port: String,
        _home: TempDir,
    }

    impl Drop for Server {
        fn drop(&mut self) {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }

    /// Starts it on a free port and waits until it listens.
    fn serve(out: &Path, prepare: impl FnOnce(Run) -> Run) -> Server {
        let run = prepare(halfrate(["serve", "--port", "0", "--data"]).arg(out));
        let (mut process, home) = run.spawn();
        let told = BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut said = Vec::new();
        for line in told {
            said.push(line);
            if let Some((_, rest)) = said[said.len() - 1].split_once(" -p ") {
                let port = rest.split_whitespace().next().unwrap().to_owned();
                return Server { process, port, _home: home };
            }
        }
        panic!("no server: {said:?}");
    }

    fn program() -> &'static str {
        env!("CARGO_BIN_EXE_halfrate")
    }

    fn plainly(run: Run) -> Run {
        run
    }

    #[test]
    fn a_driver_gets_types_catalog_and_every_report() {
        let server = serve(sample_audit(), plainly);
        let out = sample_audit().to_str().unwrap();
        if let Some(told) = run_script("postgres.py", ["read", &server.port, program(), out]) {
            assert!(told.ends_with("20 reports read\n"), "{told}");
        }
    }

    #[test]
    fn the_python_on_the_page_runs() {
        let server = serve(sample_audit(), plainly);
        let page = crate::program::repository().join("docs/bi.md");
        let page = page.to_str().unwrap();
        if let Some(told) = run_script("postgres.py", ["page", &server.port, page]) {
            assert_eq!(told, "1 block of Python\n");
        }
    }

    #[test]
    fn nothing_can_be_changed() {
        let server = serve(sample_audit(), plainly);
        let out = sample_audit().to_str().unwrap();
        if let Some(told) = run_script("postgres.py", ["refuse", &server.port, out]) {
            assert!(told.ends_with("statements refused\n"), "{told}");
        }
    }

    #[test]
    fn a_new_audit_is_seen_without_a_restart() {
        let out = tempfile::tempdir().unwrap();
        audit(&sample_data()).args(["--to", "2026-10-10", "--out"]).arg(out.path()).ok();
        let server = serve(out.path(), plainly);
        let (logs, out) = (sample_data(), out.path().to_str().unwrap().to_owned());
        let logs = logs.to_str().unwrap();
        run_script("postgres.py", ["fresh", &server.port, program(), logs, &out]);
    }

    #[test]
    fn a_bad_query_harms_no_other_of_many() {
        let limits = ["--memory-limit", "64MB", "--timeout", "20", "--max-connections", "40"];
        let server = serve(sample_audit(), |run| run.args(limits));
        if let Some(told) = run_script("postgres.py", ["crowd", &server.port, "32"]) {
            assert!(told.starts_with("32 clients"), "{told}");
        }
    }

    #[test]
    fn statements_too_deep_are_refused_in_both_protocols() {
        let server = serve(sample_audit(), plainly);
        if let Some(told) = run_script("postgres.py", ["depth", &server.port]) {
            assert!(told.ends_with("deep statements refused\n"), "{told}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_join_that_finds_nothing_ends_with_its_time() {
        let server = serve(sample_audit(), |run| run.args(["--timeout", "2"]));
        let process = server.process.id().to_string();
        if let Some(told) = run_script("postgres.py", ["runaway", &server.port, &process]) {
            assert_eq!(told, "runaways end\n");
        }
    }

    #[test]
    fn beyond_this_machine_a_password_and_tls_are_needed() {
        let out = sample_audit().to_str().unwrap();
        let open = || halfrate(["serve", "--port", "0", "--listen", "0.0.0.0", "--data", out]);
        let refused = open().exits(1);
        assert!(refused.stderr.contains("needs a password"), "{}", refused.stderr);
        let refused = open().envs([("HALFRATE_PASSWORD", "x")]).exits(1);
        assert!(refused.stderr.contains("needs TLS"), "{}", refused.stderr);
        let refused = open().envs([("HALFRATE_PASSWORD", "")]).exits(1);
        assert!(refused.stderr.contains("password is empty"), "{}", refused.stderr);

        let home = tempfile::tempdir().unwrap();
        let (cert, key) = (home.path().join("cert.pem"), home.path().join("key.pem"));
        let wrong = open()
            .envs([("HALFRATE_PASSWORD", "x")])
            .args(["--tls-cert", "nothing.pem", "--tls-key", "nothing.pem"])
            .exits(1);
        assert!(wrong.stderr.contains("certificate nothing.pem"), "{}", wrong.stderr);
        let made = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
            ])
            .args(["-days", "2", "-subj", "/CN=localhost", "-keyout"])
            .arg(&key)
            .arg("-out")
            .arg(&cert)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let secret = home.path().join("secret");
        std::fs::write(&secret, "correct horse\n").unwrap();
        let server = serve(sample_audit(), |run| {
            let run = run.args(["--listen", "0.0.0.0", "--password-file"]).arg(&secret);
            run.arg("--tls-cert").arg(&cert).arg("--tls-key").arg(&key)
        });
        let cert = cert.to_str().unwrap();
        if let Some(told) = run_script("postgres.py", ["login", &server.port, cert]) {
            assert!(told.ends_with("only who may gets in\n"), "{told}");
        }
    }
}
