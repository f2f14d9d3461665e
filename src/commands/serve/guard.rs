//! What a client may run: queries and nothing that changes anything, each within its time.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use datafusion::common::ParamValues;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{Set, Statement};
use datafusion_postgres::hooks::HookClient;
use datafusion_postgres::hooks::cursor::CursorStatementHook;
use datafusion_postgres::hooks::set_show::SetShowHook;
use datafusion_postgres::hooks::transactions::TransactionStatementHook;
use datafusion_postgres::pgwire::api::portal::{Format, Portal};
use datafusion_postgres::pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler};
use datafusion_postgres::pgwire::api::results::{FieldInfo, Response, Tag};
use datafusion_postgres::pgwire::api::stmt::QueryParser;
use datafusion_postgres::pgwire::api::store::PortalStore;
use datafusion_postgres::pgwire::api::{ClientInfo, ClientPortalStore, Type};
use datafusion_postgres::pgwire::error::{ErrorInfo, PgWireError, PgWireResult};
use datafusion_postgres::pgwire::messages::PgWireBackendMessage;
use datafusion_postgres::{DfSessionService, Parser, QueryHook};
use futures::{Sink, StreamExt, stream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::yielding::DEADLINE;
use crate::engine::gate::{self, GateError};

/// Rows made ahead of the client: enough that both sides are busy, few enough to hold.
const ROWS_AHEAD: usize = 1024;

/// Answers queries on one session that all connections share, with its memory.
pub(super) struct Service {
    inner: DfSessionService,
    /// Longest that one statement may take.
    limit: Duration,
}

impl Service {
    pub(super) fn new(session: Arc<SessionContext>, limit: Duration) -> Self {
        let hooks: Vec<Arc<dyn QueryHook>> = vec![
            Arc::new(ReadOnly),
            Arc::new(CursorStatementHook),
            Arc::new(SetShowHook),
            Arc::new(TransactionStatementHook),
        ];
        Self { inner: DfSessionService::new_with_hooks(session, hooks), limit }
    }

    fn too_long(limit: Duration) -> PgWireError {
        // 57014: the query was cancelled.
        refused("57014", format!("statement took longer than {} s (--timeout)", limit.as_secs()))
    }

    /// The response, which ends with an error when its rows are not all there in time. A task of its own
    /// makes the rows, so that a query that is slow to give way does not hold up the clock.
    fn bounded(&self, response: Response, deadline: Instant) -> Response {
        let Response::Query(mut query) = response else { return response };
        let mut rows = std::mem::replace(&mut query.data_rows, Box::pin(stream::empty()));
        let (sender, receiver) = mpsc::channel(ROWS_AHEAD);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Some(row) = rows.next().await {
                if sender.send(row).await.is_err() {
                    return;
                }
            }
        });
        let limit = self.limit;
        // The task ends with the stream that holds it.
        query.data_rows =
            Box::pin(stream::unfold(Some((receiver, tasks)), move |state| async move {
                let (mut receiver, mut tasks) = state?;
                match timeout_at(deadline, receiver.recv()).await {
                    Ok(Some(row)) => Some((row, Some((receiver, tasks)))),
                    // Rows that end because their task failed are not all there.
                    Ok(None) => match tasks.join_next().await {
                        Some(Err(_)) => Some((Err(refused("XX000", "query failed".into())), None)),
                        _ => None,
                    },
                    Err(_) => Some((Err(Self::too_long(limit)), None)),
                }
            }));
        Response::Query(query)
    }
}

#[async_trait]
impl SimpleQueryHandler for Service {
    async fn do_query<C>(&self, client: &mut C, query: &str) -> PgWireResult<Vec<Response>>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        shallow(query)?;
        let deadline = Instant::now() + self.limit;
        let asked = SimpleQueryHandler::do_query(&self.inner, client, query);
        let asked = DEADLINE.scope(deadline.into_std(), asked);
        let responses =
            timeout_at(deadline, asked).await.map_err(|_| Self::too_long(self.limit))??;
        Ok(responses.into_iter().map(|response| self.bounded(response, deadline)).collect())
    }
}

#[async_trait]
impl ExtendedQueryHandler for Service {
    type Statement = <DfSessionService as ExtendedQueryHandler>::Statement;
    type QueryParser = ShallowParser;

    fn query_parser(&self) -> Arc<ShallowParser> {
        Arc::new(ShallowParser(self.inner.query_parser()))
    }

    async fn do_query<C>(
        &self,
        client: &mut C,
        portal: &Portal<Self::Statement>,
        max_rows: usize,
    ) -> PgWireResult<Response>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Self::Statement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let deadline = Instant::now() + self.limit;
        let asked = ExtendedQueryHandler::do_query(&self.inner, client, portal, max_rows);
        let asked = DEADLINE.scope(deadline.into_std(), asked);
        let response =
            timeout_at(deadline, asked).await.map_err(|_| Self::too_long(self.limit))??;
        Ok(self.bounded(response, deadline))
    }
}

/// The parser of prepared statements, which refuses what is too deep for it.
pub(super) struct ShallowParser(Arc<Parser>);

#[async_trait]
impl QueryParser for ShallowParser {
    type Statement = <Parser as QueryParser>::Statement;

    async fn parse_sql<C>(
        &self,
        client: &C,
        sql: &str,
        types: &[Option<Type>],
    ) -> PgWireResult<Option<Self::Statement>>
    where
        C: ClientInfo + Unpin + Send + Sync,
    {
        shallow(sql)?;
        self.0.parse_sql(client, sql, types).await
    }

    fn get_parameter_types(&self, statement: &Self::Statement) -> PgWireResult<Vec<Type>> {
        self.0.get_parameter_types(statement)
    }

    fn get_result_schema(
        &self,
        statement: &Self::Statement,
        format: Option<&Format>,
    ) -> PgWireResult<Vec<FieldInfo>> {
        self.0.get_result_schema(statement, format)
    }
}

fn shallow(text: &str) -> PgWireResult<()> {
    // 54001: the statement is too complex.
    gate::shallow(text).map_err(|error| refused("54001", error.to_string()))
}

/// Lets queries pass, and what clients say to set themselves up; refuses everything else.
#[derive(Debug)]
struct ReadOnly;

/// What becomes of a statement.
enum Ruling {
    /// It is run, or a later hook answers it.
    Pass,
    /// It is said to be done and has no effect: a setting that means nothing here.
    Ignore(&'static str),
}

impl ReadOnly {
    async fn rule(statement: &Statement, session: &SessionContext) -> PgWireResult<Ruling> {
        match statement {
            Statement::Query(_)
            | Statement::Explain { .. }
            | Statement::ShowTables { .. }
            | Statement::ShowColumns { .. } => verify(statement.clone(), session).await,
            Statement::Declare { stmts } => {
                for query in stmts.iter().filter_map(|declared| declared.for_query.clone()) {
                    verify(Statement::Query(query), session).await?;
                }
                Ok(Ruling::Pass)
            }
            Statement::Set(set) => Ok(of_setting(set)),
            Statement::Discard { .. } => Ok(Ruling::Ignore("DISCARD ALL")),
            Statement::ShowVariable { .. }
            | Statement::ShowStatus { .. }
            | Statement::ShowCatalogs { .. }
            | Statement::StartTransaction { .. }
            | Statement::Commit { .. }
            | Statement::Rollback { .. }
            | Statement::Fetch { .. }
            | Statement::Close { .. } => Ok(Ruling::Pass),
            other => Err(read_only(&first_word(&other.to_string()))),
        }
    }
}

/// Settings of the client's own are kept; the session is everybody's, so nothing else is changed.
fn of_setting(set: &Set) -> Ruling {
    /// Settings that the protocol's crate keeps for each client.
    const OWN: [&str; 7] = [
        "statement_timeout",
        "datestyle",
        "bytea_output",
        "intervalstyle",
        "application_name",
        "extra_float_digits",
        "search_path",
    ];
    match set {
        Set::SingleAssignment { variable, .. }
            if OWN.contains(&variable.to_string().to_lowercase().as_str()) =>
        {
            Ruling::Pass
        }
        _ => Ruling::Ignore("SET"),
    }
}

/// Plans the statement and looks whether the plan only reads: `SELECT … INTO` is a query that does not.
async fn verify(statement: Statement, session: &SessionContext) -> PgWireResult<Ruling> {
    match gate::plan(session, Parsed::Statement(Box::new(statement))).await {
        Ok(_) => Ok(Ruling::Pass),
        Err(GateError::Writes(_)) => Err(read_only("the statement")),
        Err(error) => Err(PgWireError::ApiError(Box::new(error))),
    }
}

fn first_word(text: &str) -> String {
    text.split_whitespace().next().unwrap_or_default().to_uppercase()
}

fn read_only(what: &str) -> PgWireError {
    // 25006: a transaction that only reads.
    refused("25006", format!("halfrate serve only reads; {what} is refused"))
}

fn refused(code: &str, told: String) -> PgWireError {
    PgWireError::UserError(Box::new(ErrorInfo::new("ERROR".into(), code.into(), told)))
}

#[async_trait]
impl QueryHook for ReadOnly {
    async fn handle_simple_query(
        &self,
        statement: &Statement,
        session: &SessionContext,
        _: &mut dyn HookClient,
    ) -> Option<PgWireResult<Response>> {
        match Self::rule(statement, session).await {
            Ok(Ruling::Pass) => None,
            Ok(Ruling::Ignore(tag)) => Some(Ok(Response::Execution(Tag::new(tag)))),
            Err(error) => Some(Err(error)),
        }
    }

    async fn handle_extended_parse_query(
        &self,
        statement: &Statement,
        session: &SessionContext,
        _: &(dyn ClientInfo + Send + Sync),
    ) -> Option<PgWireResult<LogicalPlan>> {
        match Self::rule(statement, session).await {
            Ok(Ruling::Pass) => None,
            Ok(Ruling::Ignore(_)) => Some(Ok(LogicalPlan::default())),
            Err(error) => Some(Err(error)),
        }
    }

    async fn handle_extended_query(
        &self,
        statement: &Statement,
        _: &LogicalPlan,
        _: &ParamValues,
        session: &SessionContext,
        client: &mut dyn HookClient,
    ) -> Option<PgWireResult<Response>> {
        self.handle_simple_query(statement, session, client).await
    }
}
