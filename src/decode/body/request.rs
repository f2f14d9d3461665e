//! The request body: tools, conversation, output format, guardrail.

use super::super::ends::Ends;
use super::super::json::{Cursor, Kind, Step};
use super::super::keys::Keys;
use super::super::text::Raw;
use super::{Body, Tier, elements, known, members, performance, service_tier, string};

/// What a key of a request means.
#[derive(Clone, Copy, Debug)]
enum Member {
    Messages,
    ToolConfig,
    Tools,
    ToolChoice,
    Format,
    Guardrail,
    Tier,
    Performance,
    Other,
}

/// Roughly in the order in which clients write them.
static MEMBERS: Keys<Member, 20> = Keys::new(
    [
        ("anthropic_version", Member::Other),
        ("model", Member::Other),
        ("max_tokens", Member::Other),
        ("messages", Member::Messages),
        ("system", Member::Other),
        ("inferenceConfig", Member::Other),
        ("temperature", Member::Other),
        ("toolConfig", Member::ToolConfig),
        ("tools", Member::Tools),
        ("tool_choice", Member::ToolChoice),
        ("outputConfig", Member::Format),
        ("output_config", Member::Format),
        ("output_format", Member::Format),
        ("response_format", Member::Format),
        ("guardrailConfig", Member::Guardrail),
        ("amazon-bedrock-guardrailConfig", Member::Guardrail),
        ("serviceTier", Member::Tier),
        ("service_tier", Member::Tier),
        ("performanceConfig", Member::Performance),
        ("inputText", Member::Other),
    ],
    Member::Other,
);

/// What a key of a message or of a part of its content means.
#[derive(Clone, Copy, Debug)]
enum Said {
    Role,
    Content,
    Type,
    ToolResult,
    Other,
}

static MESSAGE: Keys<Said, 2> =
    Keys::new([("role", Said::Role), ("content", Said::Content)], Said::Other);

static CONTENT: Keys<Said, 3> = Keys::new(
    [("type", Said::Type), ("text", Said::Other), ("toolResult", Said::ToolResult)],
    Said::Other,
);

/// Looks into a request body and steps over it.
pub(in crate::decode) fn request(cursor: &mut Cursor<'_, impl Ends>, body: &mut Body) -> Step<()> {
    if cursor.kind()? != Kind::Object {
        return cursor.skip();
    }
    body.has_input = true;
    // Known already where the record has its output first; what the call got outweighs the wish.
    let got = body.tier;
    let mut tools = 0usize;
    let mut forced = false;
    cursor.known(&MEMBERS, |c, member| match member {
        Member::Messages => messages(c, body),
        Member::ToolConfig => members(c, |c, key| match &*key.name() {
            b"tools" => count_tools(c, &mut tools),
            b"toolChoice" => members(c, |c, key| {
                forced |= key.is("any") || key.is("tool");
                c.skip()
            }),
            _ => c.skip(),
        }),
        Member::Tools => count_tools(c, &mut tools),
        Member::ToolChoice => tool_choice(c, &mut forced),
        Member::Format => find_json_schema(c, &mut body.json_schema),
        Member::Guardrail => {
            body.guardrail |= c.kind()? == Kind::Object;
            c.skip()
        }
        Member::Tier => service_tier(c, body),
        Member::Performance => performance(c, body),
        Member::Other => c.skip(),
    })?;
    body.tools |= tools > 0;
    body.forced_tool |= tools == 1 && forced;
    if got != Tier::Unknown {
        body.tier = got;
    }
    Ok(())
}

/// Converse lists cache points among the tools; they are none.
#[inline(always)]
fn count_tools(cursor: &mut Cursor<'_, impl Ends>, tools: &mut usize) -> Step<()> {
    elements(cursor, |c| {
        let mut is_tool = true;
        members(c, |c, key| {
            is_tool &= !key.is("cachePoint");
            c.skip()
        })?;
        *tools += usize::from(is_tool);
        Ok(())
    })
}

/// Who said what, without the saying: an assistant's turn that is followed by another makes a
/// conversation, a tool's result a loop.
fn messages(cursor: &mut Cursor<'_, impl Ends>, body: &mut Body) -> Step<()> {
    let mut answered = false;
    elements(cursor, |c| {
        body.multi_turn |= answered;
        known(c, &MESSAGE, |c, key| match key {
            Said::Role => string(c, |role| {
                answered |= role.is("assistant");
                body.tool_result |= role.is("tool");
            }),
            Said::Content => elements(c, |c| {
                known(c, &CONTENT, |c, key| match key {
                    Said::ToolResult => {
                        body.tool_result = true;
                        c.skip()
                    }
                    Said::Type => string(c, |kind| body.tool_result |= kind.is("tool_result")),
                    _ => c.skip(),
                })
            }),
            _ => c.skip(),
        })
    })
}

/// Anthropic: `{"type": "tool" | "any"}`; OpenAI: `"required"` or `{"type": "function"}`.
fn tool_choice(cursor: &mut Cursor<'_, impl Ends>, forced: &mut bool) -> Step<()> {
    match cursor.kind()? {
        Kind::Object => cursor.object(|c, key| match &*key.name() {
            b"type" => string(c, |choice| {
                *forced |= choice.is("tool") || choice.is("any") || choice.is("function");
            }),
            _ => c.skip(),
        }),
        _ => string(cursor, |choice| *forced |= choice.is("required")),
    }
}

/// How deep an output format is searched: every known shape names the schema within three levels.
const FORMAT_DEPTH: usize = 4;

/// Whether a format names a JSON schema, as a key or as its type.
fn find_json_schema(cursor: &mut Cursor<'_, impl Ends>, found: &mut bool) -> Step<()> {
    fn search(cursor: &mut Cursor<'_, impl Ends>, found: &mut bool, depth: usize) -> Step<()> {
        let names = |raw: Raw<'_>| raw.is("json_schema") || raw.is("jsonSchema");
        match cursor.kind()? {
            Kind::Object if depth > 0 => cursor.object(|c, key| {
                *found |= names(key);
                search(c, found, depth - 1)
            }),
            _ => string(cursor, |text| *found |= names(text)),
        }
    }
    search(cursor, found, FORMAT_DEPTH)
}
