//! One invocation record: its fields by name, in any key order, with any unknown key of any type.

use std::borrow::Cow;

use super::body::{self, Body};
use super::ends::{Ends, Slow};
use super::json::{Cursor, Kind, Step};
use super::keys::Keys;
use super::text;
use super::time::seconds;

/// The fields of one record, borrowed from its bytes. Counts are the log's own; absent is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record<'a> {
    /// Byte position in the inflated object where the record begins.
    pub position: u64,
    /// Seconds since 1970-01-01T00:00Z.
    pub timestamp: i64,
    /// `accountId`
    pub account: Cow<'a, str>,
    /// `region`
    pub region: Cow<'a, str>,
    /// `requestId`; empty where the log has none.
    pub request_id: Cow<'a, str>,
    /// `operation`, any string.
    pub operation: Cow<'a, str>,
    /// `modelId` as spelled.
    pub model_id: Cow<'a, str>,
    /// `inferenceRegion`: where a cross-region profile sent the call.
    pub inference_region: Option<Cow<'a, str>>,
    /// `identity.arn`
    pub arn: Cow<'a, str>,
    /// `errorCode` of a failed call.
    pub error_code: Option<Cow<'a, str>>,
    /// `requestMetadata`: the JSON object's text, checked; read it with [`Record::metadata`].
    metadata: Option<&'a [u8]>,
    /// `input.inputTokenCount`: uncached input only.
    pub input_tokens: Option<i64>,
    /// `input.cacheReadInputTokenCount`
    pub cache_read_tokens: Option<i64>,
    /// `input.cacheWriteInputTokenCount`: 5-minute and 1-hour lifetimes together.
    pub cache_write_tokens: Option<i64>,
    /// `output.outputTokenCount`: absent for embeddings.
    pub output_tokens: Option<i64>,
    /// What the bodies showed.
    pub body: Body,
}

impl<'a> Record<'a> {
    /// The caller's own tags, in the order of the record; a value that is not a string is left out.
    pub fn metadata(&self) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
        let mut pairs = Vec::new();
        if let Some(bytes) = self.metadata {
            // Checked when the record was read, so the walk cannot fail.
            let _ = Cursor::new(bytes, 0, Slow).object(|cursor, key| {
                if cursor.kind()? != Kind::String {
                    return cursor.skip();
                }
                let value = cursor.string()?;
                pairs.extend(key.text().zip(value.text()));
                Ok(())
            });
        }
        pairs
    }
}

/// What a key of a record means.
#[derive(Clone, Copy, Debug)]
enum Member {
    Timestamp,
    AccountId,
    Identity,
    Region,
    RequestId,
    Operation,
    ModelId,
    InferenceRegion,
    ErrorCode,
    RequestMetadata,
    Input,
    Output,
    Other,
}

/// In the order in which Bedrock writes them.
static MEMBERS: Keys<Member, 14> = Keys::new(
    [
        ("schemaType", Member::Other),
        ("schemaVersion", Member::Other),
        ("timestamp", Member::Timestamp),
        ("accountId", Member::AccountId),
        ("identity", Member::Identity),
        ("region", Member::Region),
        ("requestId", Member::RequestId),
        ("operation", Member::Operation),
        ("modelId", Member::ModelId),
        ("inferenceRegion", Member::InferenceRegion),
        ("errorCode", Member::ErrorCode),
        ("requestMetadata", Member::RequestMetadata),
        ("input", Member::Input),
        ("output", Member::Output),
    ],
    Member::Other,
);

/// What a key of `identity`, `input` or `output` means.
#[derive(Clone, Copy, Debug)]
enum Inner {
    Arn,
    Body,
    Tokens,
    CacheRead,
    CacheWrite,
    Other,
}

static IDENTITY: Keys<Inner, 1> = Keys::new([("arn", Inner::Arn)], Inner::Other);

static INPUT: Keys<Inner, 5> = Keys::new(
    [
        ("inputContentType", Inner::Other),
        ("inputBodyJson", Inner::Body),
        ("inputTokenCount", Inner::Tokens),
        ("cacheReadInputTokenCount", Inner::CacheRead),
        ("cacheWriteInputTokenCount", Inner::CacheWrite),
    ],
    Inner::Other,
);

static OUTPUT: Keys<Inner, 3> = Keys::new(
    [
        ("outputContentType", Inner::Other),
        ("outputBodyJson", Inner::Body),
        ("outputTokenCount", Inner::Tokens),
    ],
    Inner::Other,
);

/// Why a well-formed record does not count; the first problem met is told.
type Problem = Option<&'static str>;

/// Reads the record that begins at the cursor into `record`. `Ok(Err(reason))` is JSON that is no
/// readable record.
///
/// # Errors
/// [`super::json::Fault`] where the text is cut or breaks the grammar.
pub(super) fn read<'a, E: Ends>(
    cursor: &mut Cursor<'a, E>,
    bytes: &'a [u8],
    max_tokens: i64,
    record: &mut Record<'a>,
) -> Step<Result<(), &'static str>> {
    let mut problem: Problem = None;
    let mut timestamp = None;
    cursor.known(&MEMBERS, |c, member| match member {
        Member::Timestamp => {
            timestamp = text(c, &mut problem, "timestamp is not a string")?;
            Ok(())
        }
        Member::AccountId => set(c, &mut record.account, &mut problem, "accountId is not a string"),
        Member::Region => set(c, &mut record.region, &mut problem, "region is not a string"),
        Member::RequestId => {
            set(c, &mut record.request_id, &mut problem, "requestId is not a string")
        }
        Member::Operation => {
            set(c, &mut record.operation, &mut problem, "operation is not a string")
        }
        Member::ModelId => set(c, &mut record.model_id, &mut problem, "modelId is not a string"),
        Member::InferenceRegion => {
            record.inference_region = text(c, &mut problem, "inferenceRegion is not a string")?;
            Ok(())
        }
        Member::ErrorCode => {
            record.error_code = text(c, &mut problem, "errorCode is not a string")?;
            Ok(())
        }
        Member::Identity => identity(c, record, &mut problem),
        Member::RequestMetadata => metadata(c, bytes, record, &mut problem),
        Member::Input => input(c, record, &mut problem, max_tokens),
        Member::Output => output(c, record, &mut problem, max_tokens),
        Member::Other => c.skip(),
    })?;
    Ok(finish(record, timestamp.as_deref(), problem))
}

fn finish(
    record: &mut Record<'_>,
    timestamp: Option<&str>,
    problem: Problem,
) -> Result<(), &'static str> {
    if let Some(reason) = problem {
        return Err(reason);
    }
    record.timestamp = seconds(timestamp.ok_or("no timestamp")?)
        .ok_or("timestamp is not a time of the form YYYY-MM-DDTHH:MM:SSZ since 2020")?;
    if record.model_id.is_empty() {
        return Err("no modelId");
    }
    Ok(())
}

/// A string or null; any other kind is a problem.
#[inline(always)]
fn text<'a, E: Ends>(
    cursor: &mut Cursor<'a, E>,
    problem: &mut Problem,
    reason: &'static str,
) -> Step<Option<Cow<'a, str>>> {
    match cursor.kind()? {
        Kind::String => {
            let text = cursor.string()?.text();
            if text.is_none() {
                problem.get_or_insert("text is not UTF-8");
            }
            Ok(text)
        }
        Kind::Null => cursor.skip().map(|()| None),
        _ => {
            problem.get_or_insert(reason);
            cursor.skip().map(|()| None)
        }
    }
}

#[inline(always)]
fn set<'a, E: Ends>(
    cursor: &mut Cursor<'a, E>,
    field: &mut Cow<'a, str>,
    problem: &mut Problem,
    reason: &'static str,
) -> Step<()> {
    *field = text(cursor, problem, reason)?.unwrap_or_default();
    Ok(())
}

fn identity<'a, E: Ends>(
    cursor: &mut Cursor<'a, E>,
    record: &mut Record<'a>,
    problem: &mut Problem,
) -> Step<()> {
    side(cursor, "identity is not an object", problem, &IDENTITY, |c, key, problem| match key {
        Inner::Arn => set(c, &mut record.arn, problem, "identity.arn is not a string"),
        _ => c.skip(),
    })
}

fn metadata<'a, E: Ends>(
    cursor: &mut Cursor<'a, E>,
    bytes: &'a [u8],
    record: &mut Record<'a>,
    problem: &mut Problem,
) -> Step<()> {
    let kind = cursor.kind()?;
    let start = cursor.position();
    match kind {
        Kind::Object => {
            // Texts are read, whatever else there is is stepped over.
            cursor.object(|c, _| match c.kind()? {
                Kind::String => c.string().map(drop),
                _ => c.skip(),
            })?;
            record.metadata = Some(&bytes[start..cursor.position()]);
            return Ok(());
        }
        Kind::Null => record.metadata = None,
        _ => {
            problem.get_or_insert("requestMetadata is not an object");
        }
    }
    cursor.skip()
}

/// An object or null, member by member; any other kind is a problem.
#[inline(always)]
fn side<'a, E: Ends, const N: usize>(
    cursor: &mut Cursor<'a, E>,
    reason: &'static str,
    problem: &mut Problem,
    keys: &Keys<Inner, N>,
    mut member: impl FnMut(&mut Cursor<'a, E>, Inner, &mut Problem) -> Step<()>,
) -> Step<()> {
    match cursor.kind()? {
        Kind::Object => cursor.known(keys, |c, key| member(c, key, problem)),
        Kind::Null => cursor.skip(),
        _ => {
            problem.get_or_insert(reason);
            cursor.skip()
        }
    }
}

fn input<'a, E: Ends>(
    cursor: &mut Cursor<'a, E>,
    record: &mut Record<'a>,
    problem: &mut Problem,
    max: i64,
) -> Step<()> {
    side(cursor, "input is not an object", problem, &INPUT, |c, key, problem| {
        match key {
            Inner::Tokens => record.input_tokens = count(c, problem, max)?,
            Inner::CacheRead => record.cache_read_tokens = count(c, problem, max)?,
            Inner::CacheWrite => record.cache_write_tokens = count(c, problem, max)?,
            Inner::Body => body::request(c, &mut record.body)?,
            Inner::Arn | Inner::Other => c.skip()?,
        }
        Ok(())
    })
}

fn output<'a, E: Ends>(
    cursor: &mut Cursor<'a, E>,
    record: &mut Record<'a>,
    problem: &mut Problem,
    max: i64,
) -> Step<()> {
    side(cursor, "output is not an object", problem, &OUTPUT, |c, key, problem| {
        match key {
            Inner::Tokens => record.output_tokens = count(c, problem, max)?,
            Inner::Body => body::answer(c, &mut record.body)?,
            _ => c.skip()?,
        }
        Ok(())
    })
}

/// A token count: a whole number from 0 to `max`, or null.
#[inline(always)]
fn count(cursor: &mut Cursor<'_, impl Ends>, problem: &mut Problem, max: i64) -> Step<Option<i64>> {
    match cursor.kind()? {
        Kind::Null => cursor.skip().map(|()| None),
        Kind::Number => {
            let digits = cursor.number()?;
            let reason = match (digits, text::whole(digits)) {
                (_, Some(tokens)) if tokens <= max => return Ok(Some(tokens)),
                ([b'-', ..], _) => "token count is negative",
                _ if !digits.iter().all(u8::is_ascii_digit) => "token count is not a whole number",
                _ => "token count is larger than any model takes",
            };
            problem.get_or_insert(reason);
            Ok(None)
        }
        _ => {
            problem.get_or_insert("token count is not a number");
            cursor.skip().map(|()| None)
        }
    }
}
