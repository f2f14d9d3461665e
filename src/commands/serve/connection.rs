//! One client's connection: logging in, and the handlers that it is given.

use std::collections::hash_map::RandomState;
use std::fmt::Debug;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion_postgres::pgwire::api::auth::noop::NoopStartupHandler;
use datafusion_postgres::pgwire::api::auth::sasl::SASLAuthStartupHandler;
use datafusion_postgres::pgwire::api::auth::sasl::scram::{ScramAuth, gen_salted_password};
use datafusion_postgres::pgwire::api::auth::{
    AuthSource, DefaultServerParameterProvider, LoginInfo, Password, StartupHandler,
};
use datafusion_postgres::pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler};
use datafusion_postgres::pgwire::api::{ClientInfo, PgWireServerHandlers};
use datafusion_postgres::pgwire::error::{ErrorInfo, PgWireError, PgWireResult};
use datafusion_postgres::pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};
use futures::Sink;

use super::guard::Service;

/// Rounds of hashing a password, as PostgreSQL does by default.
const ROUNDS: usize = 4096;

/// What a client must do to be let in.
#[derive(Clone)]
pub(super) struct Gate {
    /// The password, whoever asks; `None` lets everybody in.
    pub(super) password: Option<Arc<OnePassword>>,
    /// Whether a connection without TLS is turned away.
    pub(super) tls_required: bool,
}

/// The handlers of one connection. A login keeps state, so no two connections share one.
pub(super) struct Connection {
    service: Arc<Service>,
    startup: Arc<Startup>,
}

impl Connection {
    pub(super) fn new(service: &Arc<Service>, gate: &Gate) -> Self {
        let login = gate.password.as_ref().map(|password| {
            let mut scram = ScramAuth::new(Arc::clone(password) as _);
            scram.set_iterations(ROUNDS);
            let parameters = Arc::new(DefaultServerParameterProvider::default());
            SASLAuthStartupHandler::new(parameters).with_scram(scram)
        });
        let startup = Arc::new(Startup { login, tls_required: gate.tls_required });
        Self { service: Arc::clone(service), startup }
    }
}

impl PgWireServerHandlers for Connection {
    fn simple_query_handler(&self) -> Arc<impl SimpleQueryHandler> {
        Arc::clone(&self.service)
    }

    fn extended_query_handler(&self) -> Arc<impl ExtendedQueryHandler> {
        Arc::clone(&self.service)
    }

    fn startup_handler(&self) -> Arc<impl StartupHandler> {
        Arc::clone(&self.startup)
    }
}

/// The first messages of a connection.
struct Startup {
    login: Option<SASLAuthStartupHandler<DefaultServerParameterProvider>>,
    tls_required: bool,
}

/// Nobody is asked anything.
struct Open;

impl NoopStartupHandler for Open {}

#[async_trait]
impl StartupHandler for Startup {
    async fn on_startup<C>(
        &self,
        client: &mut C,
        message: PgWireFrontendMessage,
    ) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        if self.tls_required && !client.is_secure() {
            let told = "TLS is required here: connect with sslmode=require";
            // 28000: invalid authorisation.
            let error = ErrorInfo::new("FATAL".into(), "28000".into(), told.into());
            return Err(PgWireError::UserError(Box::new(error)));
        }
        match &self.login {
            Some(login) => login.on_startup(client, message).await,
            None => Open.on_startup(client, message).await,
        }
    }
}

/// One password for every user name, as it is kept: salted and hashed.
pub(super) struct OnePassword {
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl OnePassword {
    pub(super) fn new(password: &str) -> Self {
        // A salt has to be another in every server; the standard library's hash keys are.
        let random = || RandomState::new().build_hasher().finish().to_le_bytes();
        let salt = [random(), random()].concat();
        Self { hash: gen_salted_password(password, &salt, ROUNDS), salt }
    }
}

impl Debug for OnePassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OnePassword")
    }
}

#[async_trait]
impl AuthSource for OnePassword {
    async fn get_password(&self, _: &LoginInfo) -> PgWireResult<Password> {
        Ok(Password::new(Some(self.salt.clone()), self.hash.clone()))
    }
}
