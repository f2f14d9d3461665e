//! Caller ARN to a stable, harmless name and a kind of identity.
//!
//! Raw ARNs shatter a workload (instance ids, timestamps) and name people, so a session is replaced by
//! its class wherever the table knows one. `<` and `>` never pass from an ARN into a name, so a class in
//! angle brackets is always ours.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Regex, RegexSet};

use crate::workload::CallerKind;

/// Characters of one part of a name that are kept; IAM allows 64 in role, user and session names.
const MAX_PART: usize = 64;

/// What the ARN of a caller tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// `role/<session class>`, `user/<name>`, `root` and the like; never a raw e-mail address.
    pub name: String,
    /// What kind of identity it is.
    pub kind: CallerKind,
}

/// One row of the table: what a role and session look like, and what that says.
struct Row {
    /// Matched against `role/session`.
    pattern: &'static str,
    kind: CallerKind,
    /// What stands for the session in the name.
    class: &'static str,
}

const fn row(pattern: &'static str, kind: CallerKind, class: &'static str) -> Row {
    Row { pattern, kind, class }
}

/// Known identities; the first row that matches counts. Weights of the kinds are in `weights`.
const ROWS: &[Row] = &[
    // Service role that Knowledge Bases create; the call embeds a query while its user waits. Seen in logs.
    row(
        r"^AmazonBedrockExecutionRoleForKnowledgeBase[^/]*/|/MANAGED_KB_EMBED-",
        CallerKind::Service,
        "<knowledge-base>",
    ),
    // Service roles that Agents and Flows create (Bedrock user guide): the customer cannot move the call.
    row(r"^AmazonBedrockExecutionRoleForAgents[^/]*/", CallerKind::Service, "<bedrock-agent>"),
    row(r"^AmazonBedrockExecutionRoleForFlows[^/]*/", CallerKind::Service, "<bedrock-flow>"),
    // Claude Code and its Bedrock rollout kit put their name before the user's: a person's coding agent.
    row(r"/(?i-u:claude-code|ccwb)-", CallerKind::CodingAgent, "<coding-agent>"),
    // IAM Identity Center names its roles so and the session after the user (IAM user guide).
    row(r"^AWSReservedSSO_", CallerKind::Person, "<person>"),
    // An e-mail address as session: federation that passes the user on.
    row(r"/[^/]*@", CallerKind::Person, "<person>"),
    // Cognito identity pools name every session so: browsers and mobile apps.
    row(r"/CognitoIdentityCredentials$", CallerKind::EndUser, "<cognito>"),
    // AgentCore runtime, followed by a UUID; seen in logs.
    row(r"/BedrockAgentCore-", CallerKind::AgentRuntime, "<agentcore>"),
    // Session names that the services give their jobs; seen in logs.
    row(r"/GlueJobRunnerSession$", CallerKind::Pipeline, "GlueJobRunnerSession"),
    row(r"/AmazonMWAA-airflow$", CallerKind::Pipeline, "AmazonMWAA-airflow"),
    row(r"/AWSCodeBuild-[0-9a-f]{8}", CallerKind::Pipeline, "AWSCodeBuild"),
    // Default session of aws-actions/configure-aws-credentials.
    row(r"/GitHubActions$", CallerKind::Workflow, "GitHubActions"),
    // Terraform's AWS provider with dynamic credentials.
    row(r"/terraform-run-", CallerKind::Workflow, "<terraform>"),
    // Gateways share one identity among many applications: LiteLLM's session, or the name of the role,
    // whatever it runs on.
    row(r"/litellm-session-", CallerKind::Gateway, "<litellm>"),
    row(
        r"^[^/]*(?i-u:litellm|portkey|bifrost|(llm|ai|model)-?gateway)[^/]*/",
        CallerKind::Gateway,
        "<gateway>",
    ),
    // Task id of ECS: hexadecimal, so it has to stand before the letters of Step Functions.
    row(r"/[0-9a-f]{32}$", CallerKind::Program, "<ecs>"),
    // Step Functions: 32 letters and nothing else.
    row(r"/[A-Za-z]{32}$", CallerKind::Workflow, "<step-functions>"),
    // EKS pod identity, `eks-<cluster>-<pod>-<uuid>`, maybe cut. The pods of cron jobs end in the
    // scheduled minute and five characters.
    row(r"/eks-.*-[0-9]{6,10}-[a-z0-9]{5}(-[0-9a-f-]*)?$", CallerKind::JobPod, "<eks-job>"),
    row(r"/eks-.*-[0-9a-f]{1,8}(-[0-9a-f]{0,12}){0,4}$", CallerKind::Program, "<eks-pod>"),
    // EC2 instance profiles.
    row(r"/i-[0-9a-f]{8,17}$", CallerKind::Program, "<ec2>"),
    // Sessions that the SDKs make up when none is given, with a time in them (SDK sources).
    row(
        r"/(botocore-session|aws-sdk-java|aws-go-sdk|aws-sdk-js(-session)?|web-identity-token)-[0-9]{9,}$",
        CallerKind::Program,
        "<sdk>",
    ),
    // Notebooks, training and processing jobs alike.
    row(r"/SageMaker$", CallerKind::Program, "SageMaker"),
];

static SET: LazyLock<Option<RegexSet>> =
    LazyLock::new(|| RegexSet::new(ROWS.iter().map(|row| row.pattern)).ok());

/// Pieces of a session that change from call to call, and what stands for them. In this order: what
/// comes first may hold what comes later.
const VOLATILE: &[(&str, &str)] = &[
    (r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}", "<uuid>"),
    // Pods of a Kubernetes deployment: both parts from the alphabet that has no vowels.
    (r"-[bcdfghjklmnpqrstvwxz2456789]{8,10}-[bcdfghjklmnpqrstvwxz2456789]{5}$", "-<pod>"),
    (r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T_-]?[0-9]{2}[:.-]?[0-9]{2}([:.-]?[0-9]{2})?Z?)?", "<n>"),
    (r"[0-9]{8}T[0-9]{4,9}Z?", "<n>"),
    (r"\b[0-9]{6,}\b", "<n>"),
    (r"\b([0-9a-f]{8,}|[0-9A-F]{8,})\b", "<hex>"),
    (r"[0-9]{6,}", "<n>"),
];

static VOLATILE_SET: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    let compiled = VOLATILE.iter().map(|(pattern, class)| (Regex::new(pattern).ok(), *class));
    compiled.filter_map(|(regex, class)| Some((regex?, class))).collect()
});

/// Reads the ARN of a caller; any text is accepted.
pub fn read(arn: &str) -> Caller {
    let mut fields = arn.splitn(6, ':');
    let head = [(); 5].map(|()| fields.next().unwrap_or_default());
    let resource = fields.next().unwrap_or_default();
    // `aws`, `aws-cn`, `aws-us-gov` and the partitions that are not public.
    if head[0] != "arn" || !head[1].starts_with("aws") || !matches!(head[2], "sts" | "iam") {
        return unreadable(arn);
    }
    let parts: Vec<&str> = resource.split('/').collect();
    match parts.as_slice() {
        ["root"] => Caller { name: "root".into(), kind: CallerKind::Program },
        ["assumed-role", role] => session_of(role, ""),
        // A path, where one is given, stands between; it is no part of a role's identity.
        ["assumed-role", .., role, session] => session_of(role, session),
        ["role", .., role] => session_of(role, ""),
        ["user", .., user] => long_lived("user", user),
        ["federated-user", .., user] => long_lived("federated-user", user),
        _ => unreadable(arn),
    }
}

fn session_of(role: &str, session: &str) -> Caller {
    let text = format!("{role}/{session}");
    let row = SET.as_ref().and_then(|set| set.matches(&text).iter().next()).map(|at| &ROWS[at]);
    let role = role_name(role);
    match row {
        Some(row) => Caller { name: format!("{role}/{}", row.class), kind: row.kind },
        None if session.is_empty() => Caller { name: role.into_owned(), kind: CallerKind::Program },
        None => Caller {
            name: format!("{role}/{}", template(&harmless(session))),
            kind: CallerKind::Program,
        },
    }
}

/// The role without the random end of IAM Identity Center's, which differs by account.
fn role_name(role: &str) -> Cow<'_, str> {
    if role.starts_with("AWSReservedSSO_")
        && let Some((set, end)) = role.rsplit_once('_')
        && end.len() == 16
        && end.bytes().all(|b| b.is_ascii_hexdigit())
    {
        return harmless(set);
    }
    // IAM lets a role be named after an address; people stay out of the tables all the same.
    if is_address(role) { Cow::Borrowed("<person>") } else { harmless(role) }
}

/// Whether `text` looks like an e-mail address rather than a name such as `team@prod`.
fn is_address(text: &str) -> bool {
    text.split_once('@').is_some_and(|(_, domain)| domain.contains('.'))
}

/// An identity with keys of its own. Its name is chosen once, so nothing in it is volatile.
fn long_lived(family: &str, user: &str) -> Caller {
    if is_address(user) {
        return Caller { name: format!("{family}/<person>"), kind: CallerKind::Person };
    }
    let name = if user.is_empty() { Cow::Borrowed("<empty>") } else { harmless(user) };
    Caller { name: format!("{family}/{name}"), kind: CallerKind::Program }
}

fn unreadable(arn: &str) -> Caller {
    let name = match arn.trim() {
        "" => "<empty>".into(),
        text if text.contains('@') => "<unreadable>/<person>".into(),
        text => format!("<unreadable>/{}", template(&harmless(text))),
    };
    Caller { name, kind: CallerKind::Unknown }
}

/// `text` with everything that IAM names cannot hold replaced by `?`, and cut where it is too long: what
/// is left can do no harm on a terminal or in a page, and is still recognised.
fn harmless(text: &str) -> Cow<'_, str> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@:/-".contains(c);
    if text.len() <= MAX_PART && text.chars().all(allowed) {
        return Cow::Borrowed(text);
    }
    let mut clean: String =
        text.chars().take(MAX_PART).map(|c| if allowed(c) { c } else { '?' }).collect();
    if text.chars().nth(MAX_PART).is_some() {
        clean.push('~');
    }
    Cow::Owned(clean)
}

/// A session with its volatile pieces replaced by their class.
fn template(session: &str) -> Cow<'_, str> {
    // Most sessions are names: without digits there is nothing to replace.
    if session.bytes().filter(u8::is_ascii_digit).count() < 2 {
        return Cow::Borrowed(session);
    }
    let mut text = Cow::Borrowed(session);
    for (regex, class) in VOLATILE_SET.iter() {
        if regex.is_match(&text) {
            text = Cow::Owned(regex.replace_all(&text, *class).into_owned());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use CallerKind as K;

    fn role(rest: &str) -> (String, CallerKind) {
        let caller = read(&format!("arn:aws:sts::123456789012:assumed-role/{rest}"));
        (caller.name, caller.kind)
    }

    #[test]
    fn every_pattern_compiles() {
        assert!(SET.is_some());
        assert_eq!(VOLATILE_SET.len(), VOLATILE.len());
    }

    #[test]
    fn sessions_become_classes() {
        for (rest, name, kind) in [
            (
                "AmazonBedrockExecutionRoleForKnowledgeBase_x1/MANAGED_KB_EMBED-123456789012-ABC",
                "AmazonBedrockExecutionRoleForKnowledgeBase_x1/<knowledge-base>",
                K::Service,
            ),
            (
                "AmazonBedrockExecutionRoleForAgents_Q/BedrockAgents-1",
                "AmazonBedrockExecutionRoleForAgents_Q/<bedrock-agent>",
                K::Service,
            ),
            (
                "AmazonBedrockExecutionRoleForFlows_Q/s",
                "AmazonBedrockExecutionRoleForFlows_Q/<bedrock-flow>",
                K::Service,
            ),
            (
                "AWSReservedSSO_Data_Team_0123456789abcdef/alice",
                "AWSReservedSSO_Data_Team/<person>",
                K::Person,
            ),
            (
                "AWSReservedSSO_Dev_0123456789abcdef/bob@example.com",
                "AWSReservedSSO_Dev/<person>",
                K::Person,
            ),
            ("Developers/carol@example.com", "Developers/<person>", K::Person),
            ("Dev/claude-code-carol", "Dev/<coding-agent>", K::CodingAgent),
            ("Dev/ccwb-carol@example.com", "Dev/<coding-agent>", K::CodingAgent),
            ("Web/CognitoIdentityCredentials", "Web/<cognito>", K::EndUser),
            (
                "Rt/BedrockAgentCore-1b4e28ba-2fa1-11d2-883f-0016d3cca427",
                "Rt/<agentcore>",
                K::AgentRuntime,
            ),
            ("nightly-etl/GlueJobRunnerSession", "nightly-etl/GlueJobRunnerSession", K::Pipeline),
            ("mwaa/AmazonMWAA-airflow", "mwaa/AmazonMWAA-airflow", K::Pipeline),
            (
                "ci/AWSCodeBuild-1b4e28ba-2fa1-11d2-883f-0016d3cca427",
                "ci/AWSCodeBuild",
                K::Pipeline,
            ),
            ("sfn/QwErTyUiOpAsDfGhJkLzXcVbNmQwErTy", "sfn/<step-functions>", K::Workflow),
            ("gh/GitHubActions", "gh/GitHubActions", K::Workflow),
            ("tf/terraform-run-abc123", "tf/<terraform>", K::Workflow),
            (
                "pod/eks-prod-reindex-28491840-x7k2p-1b4e28ba-2fa1-11d2-883f-0016d3cca",
                "pod/<eks-job>",
                K::JobPod,
            ),
            ("pod/eks-prod-reindex-28491840-x7k2p", "pod/<eks-job>", K::JobPod),
            (
                "pod/eks-prod-api-7d9f8b6c5d-x2x9z-1b4e28ba-2fa1-11d2-88",
                "pod/<eks-pod>",
                K::Program,
            ),
            ("proxy/litellm-session-1760000000", "proxy/<litellm>", K::Gateway),
            (
                "LiteLLM-proxy/0123456789abcdef0123456789abcdef",
                "LiteLLM-proxy/<gateway>",
                K::Gateway,
            ),
            ("ai-gateway/i-0da66bb83bc7b8d24", "ai-gateway/<gateway>", K::Gateway),
            ("app-69134cd7/i-0da66bb83bc7b8d24", "app-69134cd7/<ec2>", K::Program),
            ("svc/0123456789abcdef0123456789abcdef", "svc/<ecs>", K::Program),
            ("svc/botocore-session-1760000000", "svc/<sdk>", K::Program),
            ("svc/aws-sdk-java-1760000000000", "svc/<sdk>", K::Program),
            ("svc/aws-go-sdk-1760000000000000000", "svc/<sdk>", K::Program),
            ("svc/aws-sdk-js-session-1760000000000", "svc/<sdk>", K::Program),
            ("svc/aws-sdk-js-1760000000000", "svc/<sdk>", K::Program),
            ("svc/web-identity-token-1760000000000", "svc/<sdk>", K::Program),
            ("ml/SageMaker", "ml/SageMaker", K::Program),
            ("chat-role/support-chat-handler", "chat-role/support-chat-handler", K::Program),
        ] {
            assert_eq!(role(rest), (name.to_owned(), kind), "{rest}");
        }
    }

    #[test]
    fn other_identities_and_partitions() {
        for (arn, name, kind) in [
            (
                "arn:aws-us-gov:sts::123456789012:assumed-role/r/AmazonMWAA-airflow",
                "r/AmazonMWAA-airflow",
                K::Pipeline,
            ),
            ("arn:aws-cn:iam::123456789012:user/team/path/loader", "user/loader", K::Program),
            (
                "arn:aws:iam::123456789012:user/BedrockAPIKey-ab12",
                "user/BedrockAPIKey-ab12",
                K::Program,
            ),
            ("arn:aws:iam::123456789012:user/dora@example.com", "user/<person>", K::Person),
            ("arn:aws:sts::123456789012:federated-user/app", "federated-user/app", K::Program),
            ("arn:aws:iam::123456789012:root", "root", K::Program),
            ("arn:aws:iam::123456789012:role/path/to/job", "job", K::Program),
            (
                "arn:aws:sts::123456789012:assumed-role/path/to/job/GlueJobRunnerSession",
                "job/GlueJobRunnerSession",
                K::Pipeline,
            ),
            ("arn:aws:sts::123456789012:assumed-role/lonely", "lonely", K::Program),
            ("", "<empty>", K::Unknown),
            ("eve@example.com", "<unreadable>/<person>", K::Unknown),
            ("not an arn", "<unreadable>/not?an?arn", K::Unknown),
            ("arn:aws:s3:::bucket/key", "<unreadable>/arn:aws:s3:::bucket/key", K::Unknown),
        ] {
            assert_eq!(read(arn), Caller { name: name.to_owned(), kind }, "{arn}");
        }
    }

    #[test]
    fn volatile_pieces_of_a_session_are_templated_and_the_rest_is_kept() {
        for (session, name) in [
            ("ingest-1b4e28ba-2fa1-11d2-883f-0016d3cca427", "ingest-<uuid>"),
            ("run-2026-10-01T02:00:00Z", "run-<n>"),
            ("run-20261001T020000Z", "run-<n>"),
            ("load_1760000000", "load_<n>"),
            ("batch-0a1b2c3d4e", "batch-<hex>"),
            ("api-7d9f8b6c5d-x2x9z", "api-<pod>"),
            ("worker-12", "worker-12"),
            ("orders-v2-eu-west-1", "orders-v2-eu-west-1"),
        ] {
            assert_eq!(role(&format!("r/{session}")).0, format!("r/{name}"));
        }
    }

    #[test]
    fn what_could_harm_a_terminal_or_a_page_is_replaced() {
        let evil = "a\u{1b}[31m<script>\u{202e}x\u{7f}";
        assert_eq!(role(&format!("{evil}/{evil}")).0, "a??31m?script??x?/a??31m?script??x?");
        let long = "x".repeat(9_000);
        let caller = read(&format!("arn:aws:sts::1:assumed-role/{long}/{long}"));
        assert_eq!(caller.name.len(), 2 * MAX_PART + 3);
        assert!(read(&long).name.ends_with('~'));
        assert_eq!(role("r/<person>").0, "r/?person?");
    }

    #[test]
    fn a_team_name_with_an_at_sign_is_no_address() {
        assert_eq!(role("team@prod/GlueJobRunnerSession").0, "team@prod/GlueJobRunnerSession");
        assert_eq!(role("a.b@example.com/GlueJobRunnerSession").0, "<person>/GlueJobRunnerSession");
    }
}
