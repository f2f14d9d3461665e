//! One invocation record: its fields by name, in any key order, with any unknown key of any type.

use std::borrow::Cow;

use super::body::{self, Body};
use super::ends::{Ends, Slow};
use super::fields::{Field, TextField, TokenField};
use super::json::{Cursor, Kind, Step};
use super::keys::Keys;
use super::shapes::Slot;
use super::text::Number;
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
    /// A record that begins at that byte, before anything of it is read.
    pub(super) fn at(position: u64) -> Self {
        Self { position, ..Self::default() }
    }

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
    Field(Field),
    Identity,
    Input,
    Output,
    /// A value that is as good as always the same.
    Usual,
    Other,
}

/// In the order in which Bedrock writes them.
static MEMBERS: Keys<Member, 14> = Keys::new(
    [
        ("schemaType", Member::Usual),
        ("schemaVersion", Member::Usual),
        ("timestamp", Member::Field(Field::Text(TextField::Timestamp))),
        ("accountId", Member::Field(Field::Text(TextField::Account))),
        ("identity", Member::Identity),
        ("region", Member::Field(Field::Text(TextField::Region))),
        ("requestId", Member::Field(Field::Text(TextField::RequestId))),
        ("operation", Member::Field(Field::Text(TextField::Operation))),
        ("modelId", Member::Field(Field::Text(TextField::ModelId))),
        ("inferenceRegion", Member::Field(Field::Text(TextField::InferenceRegion))),
        ("errorCode", Member::Field(Field::Text(TextField::ErrorCode))),
        ("requestMetadata", Member::Field(Field::Metadata)),
        ("input", Member::Input),
        ("output", Member::Output),
    ],
    Member::Other,
);

/// What a key of `identity`, `input` or `output` means.
#[derive(Clone, Copy, Debug)]
enum Inner {
    Field(Field),
    Request,
    Answer,
    Usual,
    Other,
}

static IDENTITY: Keys<Inner, 1> =
    Keys::new([("arn", Inner::Field(Field::Text(TextField::Arn)))], Inner::Other);

static INPUT: Keys<Inner, 5> = Keys::new(
    [
        ("inputContentType", Inner::Usual),
        ("inputBodyJson", Inner::Request),
        ("inputTokenCount", Inner::Field(Field::Tokens(TokenField::Input))),
        ("cacheReadInputTokenCount", Inner::Field(Field::Tokens(TokenField::CacheRead))),
        ("cacheWriteInputTokenCount", Inner::Field(Field::Tokens(TokenField::CacheWrite))),
    ],
    Inner::Other,
);

static OUTPUT: Keys<Inner, 3> = Keys::new(
    [
        ("outputContentType", Inner::Usual),
        ("outputBodyJson", Inner::Answer),
        ("outputTokenCount", Inner::Field(Field::Tokens(TokenField::Output))),
    ],
    Inner::Other,
);

/// A record while it is read.
pub(super) struct Reader<'r, 'a> {
    bytes: &'a [u8],
    max_tokens: i64,
    record: &'r mut Record<'a>,
    /// What `timestamp` says, once it was met.
    time: Option<Option<i64>>,
    /// Why a well-formed record does not count; the first problem met is told.
    problem: Option<&'static str>,
}

impl<'r, 'a> Reader<'r, 'a> {
    /// Before the first byte of a record of `bytes`.
    pub(super) fn new(bytes: &'a [u8], max_tokens: i64, record: &'r mut Record<'a>) -> Self {
        Self { bytes, max_tokens, record, time: None, problem: None }
    }

    /// Reads the record that begins at the cursor. `Ok(Err(reason))` is JSON that is no readable record.
    ///
    /// # Errors
    /// [`super::json::Fault`] where the text is cut or breaks the grammar.
    pub(super) fn read(
        mut self,
        cursor: &mut Cursor<'a, impl Ends>,
    ) -> Step<Result<(), &'static str>> {
        cursor.known(&MEMBERS, |c, member| match member {
            Member::Field(field) => self.take(c, field),
            Member::Identity => self.side(c, "identity is not an object", &IDENTITY),
            Member::Input => self.side(c, "input is not an object", &INPUT),
            Member::Output => self.side(c, "output is not an object", &OUTPUT),
            Member::Usual => c.skip_usual(),
            Member::Other => c.skip(),
        })?;
        Ok(self.finish())
    }

    /// The record, if all of it was read and it counts.
    pub(super) fn finish(self) -> Result<(), &'static str> {
        if let Some(reason) = self.problem {
            return Err(reason);
        }
        self.record.timestamp = self
            .time
            .ok_or("no timestamp")?
            .ok_or("timestamp is not a time of the form YYYY-MM-DDTHH:MM:SSZ since 2020")?;
        if self.record.model_id.is_empty() {
            return Err("no modelId");
        }
        Ok(())
    }

    /// What the bodies showed so far.
    pub(super) fn body(&mut self) -> &mut Body {
        &mut self.record.body
    }

    /// Reads the value of a field.
    #[inline(always)]
    pub(super) fn take(&mut self, cursor: &mut Cursor<'a, impl Ends>, field: Field) -> Step<()> {
        let from = cursor.start()?;
        match field {
            Field::Text(field) => self.take_text(cursor, field)?,
            Field::Tokens(field) => {
                let tokens = self.count(cursor)?;
                match field {
                    TokenField::Input => self.record.input_tokens = tokens,
                    TokenField::CacheRead => self.record.cache_read_tokens = tokens,
                    TokenField::CacheWrite => self.record.cache_write_tokens = tokens,
                    TokenField::Output => self.record.output_tokens = tokens,
                }
            }
            Field::Metadata => cursor.far(|c| self.metadata(c))?,
            Field::Answer(measure) => measure.take(cursor, &mut self.record.body)?,
        }
        cursor.note(Slot::Field(field), from);
        Ok(())
    }

    #[inline(always)]
    fn take_text(&mut self, cursor: &mut Cursor<'a, impl Ends>, field: TextField) -> Step<()> {
        let text = match cursor.plain_text() {
            Some(text) => Some(Cow::Borrowed(text)),
            None => cursor.far(|c| self.text(c, field))?,
        };
        let record = &mut *self.record;
        match field {
            TextField::Timestamp => self.time = text.map(|text| seconds(&text)),
            TextField::Account => record.account = text.unwrap_or_default(),
            TextField::Region => record.region = text.unwrap_or_default(),
            TextField::RequestId => record.request_id = text.unwrap_or_default(),
            TextField::Operation => record.operation = text.unwrap_or_default(),
            TextField::ModelId => record.model_id = text.unwrap_or_default(),
            TextField::Arn => record.arn = text.unwrap_or_default(),
            TextField::InferenceRegion => record.inference_region = text,
            TextField::ErrorCode => record.error_code = text,
        }
        Ok(())
    }

    /// A string or null; any other kind is a problem.
    #[inline(never)]
    fn text(
        &mut self,
        cursor: &mut Cursor<'a, impl Ends>,
        field: TextField,
    ) -> Step<Option<Cow<'a, str>>> {
        match cursor.kind()? {
            Kind::String => {
                let text = cursor.string()?.text();
                if text.is_none() {
                    self.problem.get_or_insert("text is not UTF-8");
                }
                Ok(text)
            }
            Kind::Null => cursor.skip().map(|()| None),
            _ => {
                self.problem.get_or_insert(field.reason());
                cursor.skip().map(|()| None)
            }
        }
    }

    fn metadata(&mut self, cursor: &mut Cursor<'a, impl Ends>) -> Step<()> {
        let kind = cursor.kind()?;
        let start = cursor.position();
        match kind {
            Kind::Object => {
                // Texts are read, whatever else there is is stepped over.
                cursor.object(|c, _| match c.kind()? {
                    Kind::String => c.string().map(drop),
                    _ => c.skip(),
                })?;
                self.record.metadata = Some(&self.bytes[start..cursor.position()]);
                return Ok(());
            }
            Kind::Null => self.record.metadata = None,
            _ => {
                self.problem.get_or_insert("requestMetadata is not an object");
            }
        }
        cursor.skip()
    }

    /// `identity`, `input` or `output`: an object or null, member by member; any other kind is a problem.
    fn side<const N: usize>(
        &mut self,
        cursor: &mut Cursor<'a, impl Ends>,
        reason: &'static str,
        keys: &'static Keys<Inner, N>,
    ) -> Step<()> {
        match cursor.kind()? {
            Kind::Object => cursor.known(keys, |c, key| match key {
                Inner::Field(field) => self.take(c, field),
                Inner::Request => body::request(c, &mut self.record.body),
                Inner::Answer => body::answer(c, &mut self.record.body),
                Inner::Usual => c.skip_usual(),
                Inner::Other => c.skip(),
            }),
            Kind::Null => cursor.skip(),
            _ => {
                self.problem.get_or_insert(reason);
                cursor.skip()
            }
        }
    }

    /// A token count: a whole number from 0 to the largest that is believed, or null.
    #[inline(always)]
    fn count(&mut self, cursor: &mut Cursor<'a, impl Ends>) -> Step<Option<i64>> {
        match cursor.kind()? {
            Kind::Null => cursor.skip().map(|()| None),
            Kind::Number => {
                let number = cursor.number()?;
                let reason = match (number, number.whole()) {
                    (_, Some(tokens)) if tokens <= self.max_tokens => return Ok(Some(tokens)),
                    (Number::Other([b'-', ..]), _) => "token count is negative",
                    (Number::Other(digits), _) if !digits.iter().all(u8::is_ascii_digit) => {
                        "token count is not a whole number"
                    }
                    _ => "token count is larger than any model takes",
                };
                self.problem.get_or_insert(reason);
                Ok(None)
            }
            _ => {
                self.problem.get_or_insert("token count is not a number");
                cursor.skip().map(|()| None)
            }
        }
    }
}
