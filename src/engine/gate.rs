//! The gate of `halfrate sql` and `serve`: what a user's statement must be before it is run.

use std::collections::VecDeque;

use datafusion::common::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::{DFParser, Statement};
use datafusion::sql::sqlparser::dialect::{Dialect, GenericDialect, PostgreSqlDialect};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

/// Most operators of a text. Each may be one level of a plan, levels are visited by recursion, and one takes
/// some 25 KB of the stack in an unoptimised build; [`PLANNING_STACK`] has room for twice as many. The parser bounds
/// nesting by brackets itself. Lists such as `IN (…)` have no operators and may be as long as they like.
pub const MOST_OPERATORS: usize = 1000;

/// Stack in bytes for a thread that plans a statement of [`MOST_OPERATORS`]. It is reserved and not used:
/// memory is taken when a plan goes so deep.
pub const PLANNING_STACK: usize = 64 << 20;

/// Stack in bytes for threads that run its plan: some 2 KB a level, and the usual 2 MiB besides.
pub const RUNNING_STACK: usize = 8 << 20;

/// Why a statement is not run.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// The parser does not understand it.
    #[error("this is not SQL: {0}")]
    NotSql(DataFusionError),
    /// Nothing but space and comments.
    #[error("no statement given")]
    Empty,
    /// It could overflow the stack.
    #[error(
        "{operators} operators in one text, over the limit of {MOST_OPERATORS}; use IN (…) or a join"
    )]
    TooDeep {
        /// Operators found.
        operators: usize,
    },
    /// It names what is not there, or does not fit together.
    #[error(transparent)]
    Plan(DataFusionError),
    /// It would do something other than read.
    #[error("halfrate sql only reads: {0}")]
    Writes(DataFusionError),
}

/// The statements of a text, which are not yet known to read only.
///
/// # Errors
/// No SQL, nothing at all, or too many operators.
pub fn parse(text: &str) -> Result<VecDeque<Statement>, GateError> {
    shallow(text)?;
    let statements = DFParser::parse_sql(text).map_err(GateError::NotSql)?;
    if statements.is_empty() { Err(GateError::Empty) } else { Ok(statements) }
}

/// Refuses a text that could overflow the stack, before anything parses it.
///
/// # Errors
/// Too many operators.
pub fn shallow(text: &str) -> Result<(), GateError> {
    // What one dialect cannot cut into tokens another may: `E'\''`, `$$…$$`.
    let operators = operators(text, &GenericDialect {}).max(operators(text, &PostgreSqlDialect {}));
    if operators > MOST_OPERATORS { Err(GateError::TooDeep { operators }) } else { Ok(()) }
}

/// The plan of a statement that reads.
///
/// # Errors
/// Mistakes in it, or anything but a query: DDL, COPY, INSERT, SET.
pub async fn plan(
    session: &SessionContext,
    statement: Statement,
) -> Result<LogicalPlan, GateError> {
    let plan = session.state().statement_to_plan(statement).await.map_err(GateError::Plan)?;
    SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false)
        .verify_plan(&plan)
        .map_err(GateError::Writes)?;
    Ok(plan)
}

/// How many tokens of a text may each be a level of a plan. A text that cannot be cut into tokens has none:
/// the parser will say what is wrong with it.
fn operators(text: &str, dialect: &dyn Dialect) -> usize {
    let tokens = Tokenizer::new(dialect, text).tokenize().unwrap_or_default();
    let deepens = |token: &&Token| match token {
        Token::Word(word) => matches!(
            word.keyword,
            Keyword::AND
                | Keyword::OR
                | Keyword::XOR
                | Keyword::NOT
                | Keyword::IS
                | Keyword::IN
                | Keyword::LIKE
                | Keyword::ILIKE
                | Keyword::SIMILAR
                | Keyword::BETWEEN
                | Keyword::DIV
                | Keyword::AT
                | Keyword::COLLATE
                | Keyword::JOIN
                | Keyword::UNION
                | Keyword::INTERSECT
                | Keyword::EXCEPT
                | Keyword::WITH
        ),
        Token::Number(..)
        | Token::Char(_)
        | Token::SingleQuotedString(_)
        | Token::DoubleQuotedString(_)
        | Token::Comma
        | Token::Period
        | Token::SemiColon
        | Token::LParen
        | Token::RParen
        | Token::RBracket
        | Token::EOF
        | Token::Whitespace(_) => false,
        _ => true,
    };
    tokens.iter().filter(deepens).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted_and_length_is_not() {
        let list: Vec<String> = (0..20_000).map(|n| n.to_string()).collect();
        assert!(parse(&format!("SELECT 1 WHERE 2 IN ({})", list.join(","))).is_ok());
        for deep in ["1+", "1 or ", "1=", "'a'||", "NOT ", "1 - "] {
            let text = format!("SELECT {}1", deep.repeat(MOST_OPERATORS + 1));
            assert!(matches!(parse(&text), Err(GateError::TooDeep { .. })), "{deep}");
        }
        for deep in ["::int", " IS NULL", "[1]", " AT TIME ZONE 'UTC'", " COLLATE x"] {
            let text = format!("SELECT a{}", deep.repeat(MOST_OPERATORS + 1));
            assert!(matches!(parse(&text), Err(GateError::TooDeep { .. })), "{deep}");
        }
        for deep in [" UNION ALL SELECT 1", " JOIN a ON true"] {
            let text = format!("SELECT 1 FROM a{}", deep.repeat(MOST_OPERATORS + 1));
            assert!(matches!(parse(&text), Err(GateError::TooDeep { .. })), "{deep}");
        }
        let text = format!("SELECT $q$ ' $q$ || {}1", "1+".repeat(MOST_OPERATORS + 1));
        assert!(matches!(shallow(&text), Err(GateError::TooDeep { .. })), "PostgreSQL's quotes");
        assert!(matches!(parse(" -- nothing\n"), Err(GateError::Empty)));
        assert!(matches!(parse("SELEC 1"), Err(GateError::NotSql(_))));
    }
}
