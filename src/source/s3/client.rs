//! The SDK client: credentials, region, endpoint, timeouts.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    Builder, RequestChecksumCalculation, ResponseChecksumValidation, StalledStreamProtectionConfig,
};
use tokio::sync::Mutex;

use super::S3Store;
use super::failure::Login;
use crate::source::S3Options;

/// The region that is asked when none is configured: AWS answers from it with the right one, and
/// other stores ignore it.
const FALLBACK_REGION: &str = "us-east-1";

/// Wait for the answer to a request with a body, which the SDK counts from the body's first byte:
/// what a 64 MiB part needs on a line of 2 Mbit/s. A body that stands still is noticed much
/// earlier.
const WRITE_ANSWER: Duration = Duration::from_secs(300);

/// An S3 client that cannot be set up.
#[derive(Debug, thiserror::Error)]
pub(in crate::source) enum ConnectError {
    #[error("the endpoint {url:?} is no http:// or https:// address")]
    Endpoint { url: String },
}

/// How soon after new credentials others are asked for: those refused at once will not get better,
/// and every object of an audit would ask.
const RENEWAL: Duration = Duration::from_secs(30);

impl S3Store {
    /// A store for one bucket. Finds out region and where credentials come from, and sends S3
    /// nothing.
    pub(in crate::source) async fn connect(
        bucket: &str,
        options: &S3Options,
    ) -> Result<Self, ConnectError> {
        if let Some(url) = &options.endpoint_url {
            let scheme = ::url::Url::parse(url).ok().map(|u| u.scheme().to_owned());
            if !matches!(scheme.as_deref(), Some("http" | "https")) {
                return Err(ConnectError::Endpoint { url: url.clone() });
            }
        }
        let connection = Connection {
            clients: RwLock::new(Arc::new(Clients::new(options).await)),
            renewed: Mutex::new(None),
            login: match &options.profile {
                _ if options.no_sign_request => Login::Nobody,
                Some(profile) if options.credentials.is_none() => {
                    Login::Profile(profile.as_str().into())
                }
                _ => Login::Chain,
            },
            options: options.clone(),
        };
        Ok(Self { bucket: bucket.to_owned(), connection: Arc::new(connection) })
    }
}

/// The clients of a bucket, and what makes new ones.
#[derive(Debug)]
pub(super) struct Connection {
    clients: RwLock<Arc<Clients>>,
    /// When the clients were last replaced; held while they are.
    renewed: Mutex<Option<Instant>>,
    pub(super) login: Login,
    pub(super) options: S3Options,
}

impl Connection {
    pub(super) fn clients(&self) -> Arc<Clients> {
        // Nothing panics while it is held.
        Arc::clone(&self.clients.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks for credentials anew, because those of `used` have run out: the SDK keeps what it has
    /// until the time it was told, and a profile as it read it first. No when that was just done.
    pub(super) async fn renew(&self, used: &Arc<Clients>) -> bool {
        let mut renewed = self.renewed.lock().await;
        if !Arc::ptr_eq(used, &self.clients()) {
            return true;
        }
        if renewed.is_some_and(|at| at.elapsed() < RENEWAL) {
            return false;
        }
        let fresh = Arc::new(Clients::new(&self.options).await);
        *self.clients.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        *renewed = Some(Instant::now());
        tracing::info!("credentials have expired, looked for new ones");
        true
    }
}

/// The SDK's clients with one set of credentials.
#[derive(Debug)]
pub(super) struct Clients {
    /// For requests whose answer starts at once; gives up on one that does not.
    pub(super) reads: Client,
    /// For requests that send a body first.
    pub(super) writes: Client,
    /// The host that is asked, with a port where one is told: for messages.
    pub(super) host: Arc<str>,
}

impl Clients {
    async fn new(options: &S3Options) -> Self {
        let own_endpoint = options.endpoint_url.is_some() || endpoint_in_environment().is_some();
        let shared = loader(options, own_endpoint).await.load().await;
        let base = service(&shared, options, own_endpoint);
        let client = |answer: Duration| {
            let patience = TimeoutConfig::builder()
                .connect_timeout(Duration::from_millis(options.retry.connect_ms))
                .read_timeout(answer)
                .build();
            Client::from_conf(base.clone().timeout_config(patience).build())
        };
        let first_byte = Duration::from_millis(options.retry.first_byte_ms);
        Self {
            reads: client(first_byte),
            writes: client(WRITE_ANSWER.max(first_byte)),
            host: host(&shared, options).into(),
        }
    }
}

/// The store that is not AWS and that the user's environment names, in the way that all AWS tools read.
fn endpoint_in_environment() -> Option<String> {
    ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"].iter().find_map(|name| std::env::var(name).ok())
}

/// The host of the endpoint, without what else an address may hold, such as a password.
fn host(shared: &SdkConfig, options: &S3Options) -> String {
    let told = options.endpoint_url.clone().or_else(endpoint_in_environment);
    let endpoint = told.or_else(|| shared.endpoint_url().map(str::to_owned));
    let url = endpoint.and_then(|endpoint| ::url::Url::parse(&endpoint).ok());
    match url.as_ref().and_then(|url| Some((url.host_str()?, url.port()))) {
        Some((host, Some(port))) => format!("{host}:{port}"),
        Some((host, None)) => host.to_owned(),
        None => {
            let region = shared.region().map_or(FALLBACK_REGION, |region| region.as_ref());
            format!("s3.{region}.amazonaws.com")
        }
    }
}

async fn loader(options: &S3Options, own_endpoint: bool) -> ConfigLoader {
    let region = region(options, own_endpoint).await;
    let stall = Duration::from_millis(options.retry.stall_ms);
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(region.clone())
        .stalled_stream_protection(
            StalledStreamProtectionConfig::enabled().grace_period(stall).build(),
        );
    if options.no_sign_request {
        loader = loader.no_credentials();
    } else if let Some(credentials) = &options.credentials {
        loader = loader.credentials_provider(credentials.clone());
    } else if let Some(profile) = &options.profile {
        // As with the AWS command line, a profile asked for goes before keys in the environment,
        // and one that does not exist is an error; the default chain would pass over both.
        let config = ProviderConfig::without_region().with_region(Some(region));
        let provider = ProfileFileCredentialsProvider::builder().configure(&config);
        loader = loader
            .profile_name(profile)
            .credentials_provider(provider.profile_name(profile).build());
    }
    loader
}

/// The region: as given, or from environment, profile or instance.
async fn region(options: &S3Options, own_endpoint: bool) -> Region {
    let mut profile = ProfileFileRegionProvider::builder();
    if let Some(name) = &options.profile {
        profile = profile.profile_name(name);
    }
    let configured = RegionProviderChain::first_try(options.region.clone().map(Region::new))
        .or_else(EnvironmentVariableRegionProvider::new())
        .or_else(profile.build());
    // An instance's metadata is asked last, and not for a store that is not AWS: elsewhere than on
    // an instance its address does not answer, which takes seconds to find out.
    let chain = match own_endpoint {
        true => configured,
        false => configured.or_else(ImdsRegionProvider::builder().build()),
    };
    chain
        .or_else(Region::new(FALLBACK_REGION))
        .region()
        .await
        .unwrap_or(Region::new(FALLBACK_REGION))
}

fn service(shared: &SdkConfig, options: &S3Options, own_endpoint: bool) -> Builder {
    let mut service = Builder::from(shared)
        .force_path_style(options.force_path_style.unwrap_or(own_endpoint))
        // `S3Store::ask` tries again; credentials have retries of their own.
        .retry_config(RetryConfig::disabled())
        // What is read is guarded by TLS and by gzip's or Parquet's own checksums; a third one over
        // every byte would only cost time.
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    if own_endpoint {
        // AWS checks what is written by a trailing checksum, which many other stores do not
        // understand.
        service = service.request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
    }
    if let Some(url) = &options.endpoint_url {
        service = service.endpoint_url(url);
    }
    service
}
