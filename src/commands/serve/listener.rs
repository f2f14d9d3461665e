//! The listener: who may connect, how, and what each connection is given.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use datafusion_postgres::datafusion_pg_catalog::pg_catalog::context::EmptyContextProvider;
use datafusion_postgres::datafusion_pg_catalog::setup_pg_catalog;
use datafusion_postgres::pgwire::tokio::tokio_rustls::TlsAcceptor;
use datafusion_postgres::pgwire::tokio::tokio_rustls::rustls::crypto::ring;
use datafusion_postgres::pgwire::tokio::tokio_rustls::rustls::pki_types::pem::PemObject;
use datafusion_postgres::pgwire::tokio::tokio_rustls::rustls::pki_types::{
    CertificateDer, PrivateKeyDer,
};
use datafusion_postgres::pgwire::tokio::tokio_rustls::rustls::{DEFAULT_VERSIONS, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::connection::{Connection, Gate, OnePassword};
use super::guard::Service;
use super::yielding::with_yielding_joins;
use crate::cli::ServeArgs;
use crate::commands::Outcome;
use crate::config::Limits;
use crate::engine::{catalog, gate, session};
use crate::source::{S3Options, Source};
use crate::store::dataset::Dataset;

/// Variable that holds the password.
const PASSWORD: &str = "HALFRATE_PASSWORD";

/// Pause after a connection that could not be accepted, such as for want of file descriptors: trying again
/// at once would only spin.
const PAUSE: Duration = Duration::from_millis(100);

/// Threads for each connection: one that talks and those of a query's partitions, which may be busy for
/// a while without giving way. With threads enough the system shares the cores out fairly.
const THREADS: usize = 4;

/// Most threads, whatever the number of connections.
const MOST_THREADS: usize = 512;

/// Serves until it is interrupted, with threads of its own.
pub(super) async fn run(args: ServeArgs) -> anyhow::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(args.max_connections.saturating_mul(THREADS).clamp(8, MOST_THREADS))
        // Planning takes more stack where it must, by DataFusion's `recursive_protection`.
        .thread_stack_size(gate::RUNNING_STACK)
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let served = runtime.spawn(serve(args)).await;
    // Queries that still run are nobody's any more.
    runtime.shutdown_background();
    served?
}

async fn serve(args: ServeArgs) -> anyhow::Result<Outcome> {
    let gate = gate(&args)?;
    let tls = args.tls_cert.as_deref().zip(args.tls_key.as_deref());
    let tls = tls.map(|(cert, key)| acceptor(cert, key)).transpose()?;
    let limits = Limits { query_memory_bytes: args.memory_limit, ..Limits::default() };
    let source = Source::open(&args.data, &S3Options::from(&args.s3)).await.with_context(|| {
        format!("no audit at {0}; run: halfrate audit SOURCE --out {0}", args.data)
    })?;
    let session = session::session(&limits, [&source])?;
    catalog::register(&session, &Dataset::new(source))?;
    let session = with_yielding_joins(&session);
    setup_pg_catalog(&session, "datafusion", EmptyContextProvider).map_err(|error| *error)?;
    let service = Arc::new(Service::new(Arc::new(session), Duration::from_secs(args.timeout)));

    let address = SocketAddr::new(args.listen, args.port);
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}; --port names another port"))?;
    let address = listener.local_addr().context("listener")?;
    eprintln!("Serving {} on {address}, for reading only", args.data);
    eprintln!("Connect: psql -h {} -p {} halfrate", address.ip(), address.port());
    tokio::select! {
        () = accept(&listener, &service, &gate, tls.as_ref(), args.max_connections) => {}
        interrupted = tokio::signal::ctrl_c() => interrupted.context("signal")?,
    }
    Ok(Outcome::Complete)
}

/// What a client must do to be let in. Beyond this machine that is never nothing.
fn gate(args: &ServeArgs) -> anyhow::Result<Gate> {
    let password = match &args.password_file {
        Some(file) => {
            let text = fs::read_to_string(file)
                .with_context(|| format!("cannot read {}", file.display()))?;
            Some(text.trim_end_matches(['\r', '\n']).to_owned())
        }
        None => std::env::var(PASSWORD).ok(),
    };
    if password.as_ref().is_some_and(String::is_empty) {
        bail!("the password is empty; set {PASSWORD} or write it into --password-file");
    }
    let beyond = !args.listen.is_loopback();
    if beyond && password.is_none() {
        bail!(
            "listening on {} needs a password: set {PASSWORD} or name --password-file",
            args.listen
        );
    }
    if beyond && args.tls_cert.is_none() {
        bail!("listening on {} needs TLS: name --tls-cert and --tls-key", args.listen);
    }
    let password = password.map(|password| Arc::new(OnePassword::new(&password)));
    Ok(Gate { password, tls_required: beyond })
}

fn acceptor(cert: &Path, key: &Path) -> anyhow::Result<TlsAcceptor> {
    let certs: Vec<_> = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect)
        .with_context(|| format!("certificate {}", cert.display()))?;
    let key =
        PrivateKeyDer::from_pem_file(key).with_context(|| format!("key {}", key.display()))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(DEFAULT_VERSIONS)?
        .with_no_client_auth()
        .with_single_cert(certs, key)
        .context("certificate and key")?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Takes connections, as many at a time as are allowed; the others wait.
async fn accept(
    listener: &TcpListener,
    service: &Arc<Service>,
    gate: &Gate,
    tls: Option<&TlsAcceptor>,
    most: usize,
) {
    let places = Arc::new(Semaphore::new(most));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                eprintln!("halfrate: cannot accept a connection: {error}");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let (connection, tls) = (Connection::new(service, gate), tls.cloned());
        tokio::spawn(async move {
            talk(stream, tls, connection).await;
            drop(place);
        });
    }
}

async fn talk(stream: TcpStream, tls: Option<TlsAcceptor>, connection: Connection) {
    // A client that goes away in the middle is its own affair.
    let _ = datafusion_postgres::pgwire::tokio::process_socket(stream, tls, connection).await;
}
