//! What S3 answered instead, in words that name the remedy.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use object_store::Error;

use crate::source::retry::Stage;

/// How object_store's errors name this store.
pub(super) const STORE: &str = "S3";

/// A request kind: its name in AWS's logs, the permission it needs, and where its retries count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source) enum Operation {
    List,
    Head,
    Get,
    Put,
    Upload,
    Copy,
    Delete,
}

impl Operation {
    pub(super) fn stage(self) -> Stage {
        match self {
            Self::List => Stage::List,
            Self::Head | Self::Get => Stage::Get,
            Self::Put | Self::Upload | Self::Copy | Self::Delete => Stage::Put,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::List => "ListObjectsV2",
            Self::Head => "HeadObject",
            Self::Get => "GetObject",
            Self::Put => "PutObject",
            Self::Upload => "multipart upload",
            Self::Copy => "CopyObject",
            Self::Delete => "DeleteObject",
        }
    }

    fn permission(self, bucket: &str) -> String {
        match self {
            Self::List => format!("s3:ListBucket on arn:aws:s3:::{bucket}"),
            Self::Head | Self::Get => format!("s3:GetObject on arn:aws:s3:::{bucket}/*"),
            Self::Put => format!("s3:PutObject on arn:aws:s3:::{bucket}/*"),
            Self::Upload => {
                format!("s3:PutObject and s3:AbortMultipartUpload on arn:aws:s3:::{bucket}/*")
            }
            Self::Copy => format!("s3:GetObject and s3:PutObject on arn:aws:s3:::{bucket}/*"),
            Self::Delete => format!("s3:DeleteObject on arn:aws:s3:::{bucket}/*"),
        }
    }
}

/// One request: what was asked of which object.
#[derive(Clone, Debug)]
pub(in crate::source) struct Call {
    pub(super) operation: Operation,
    pub(super) bucket: String,
    /// Key or prefix.
    pub(super) key: String,
    pub(super) login: Login,
    /// The host that is asked.
    pub(super) host: Arc<str>,
}

/// Who asks: decides what helps when the answer is no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::source) enum Login {
    /// Nobody: requests are not signed.
    Nobody,
    /// Keys given, or whatever the environment yields.
    Chain,
    /// A profile asked for by name.
    Profile(Arc<str>),
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source) enum FailureKind {
    NotFound,
    Denied,
    Unauthenticated,
    Precondition,
    NotModified,
    CutShort,
    Other,
}

/// Whether asking again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// The answer stays the same.
    Never,
    /// It is the moment's: throttling, a broken connection, an error within the store.
    Later,
    /// The credentials have run out; new ones may be there.
    Renewed,
}

/// A request that failed.
#[derive(Debug)]
pub(in crate::source) struct Failure {
    pub(in crate::source) kind: FailureKind,
    pub(super) again: Again,
    call: Call,
    /// S3's error code, or a plain word where there was no answer.
    code: String,
    message: String,
    /// What the user can do.
    remedy: Option<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Call { operation, bucket, key, .. } = &self.call;
        write!(f, "{} (s3://{bucket}/{}): ", operation.name(), key.escape_debug())?;
        f.write_str(&self.reason())
    }
}

impl StdError for Failure {}

impl Failure {
    /// The failure without the name of what it happened to.
    pub(in crate::source) fn reason(&self) -> String {
        let mut text = self.code.clone();
        for (mark, part) in [(": ", Some(&self.message)), ("; ", self.remedy.as_ref())] {
            if let Some(part) = part.filter(|part| !part.is_empty() && **part != self.code) {
                text = text + mark + part.trim_end_matches('.');
            }
        }
        text
    }

    /// The failure inside a store's error, when it came from S3.
    pub(in crate::source) fn of(error: &Error) -> Option<&Self> {
        error.source()?.downcast_ref()
    }

    /// A failure that S3 did not put into words.
    pub(super) fn told(call: Call, kind: FailureKind, code: &str, message: String) -> Error {
        let (again, code) = (Again::Never, code.to_owned());
        Self { kind, again, call, code, message, remedy: None }.into()
    }

    /// Reads the SDK's error of a call.
    pub(super) fn from_sdk<E>(call: Call, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let header = |name: &str| error.raw_response()?.headers().get(name).map(str::to_owned);
        let answer = Answer {
            status: error.raw_response().map(|raw| raw.status().as_u16()),
            code: error.code().map(str::to_owned),
            message: error.message().unwrap_or_default().to_owned(),
            region: header("x-amz-bucket-region"),
            no_answer: match error {
                SdkError::TimeoutError(_) => Some("no answer in time"),
                SdkError::DispatchFailure(_) => Some("no connection"),
                SdkError::ConstructionFailure(_) => Some("request not sent"),
                SdkError::ResponseError(_) => Some("unreadable answer"),
                _ => None,
            },
            causes: causes(error),
        };
        answer.judge(call)
    }
}

/// The words of an error and of what is below it, each once.
pub(super) fn causes(error: &dyn StdError) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(error) = next {
        let text = error.to_string();
        // The SDK's connector calls what it cannot name "other".
        if text != "other" && !words.iter().any(|w| w.contains(&text)) {
            words.push(text);
        }
        next = error.source();
    }
    words.join(": ")
}

/// What can be known about a failed request, free of the SDK's types.
struct Answer {
    status: Option<u16>,
    code: Option<String>,
    message: String,
    /// Where S3 says the bucket is.
    region: Option<String>,
    /// What happened instead of an answer.
    no_answer: Option<&'static str>,
    causes: String,
}

impl Answer {
    fn judge(self, call: Call) -> Failure {
        let Some(code) = self.code() else {
            return self.unanswered(call);
        };
        let kind = self.kind(&code);
        let remedy = self.remedy(&code, kind, &call);
        let again = self.again(&code);
        Failure { kind, again, code, message: self.message, remedy, call }
    }

    fn again(&self, code: &str) -> Again {
        match (code, self.status) {
            ("ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired", _) => {
                Again::Renewed
            }
            ("SlowDown" | "ServiceUnavailable" | "InternalError" | "RequestLimitExceeded", _)
            | ("RequestTimeout" | "Throttling" | "ThrottlingException" | "IncompleteBody", _)
            | ("BadDigest" | "OperationAborted" | "ConditionalRequestConflict", _)
            | (_, Some(429 | 500 | 502..=504 | 509)) => Again::Later,
            _ => Again::Never,
        }
    }

    fn kind(&self, code: &str) -> FailureKind {
        match (code, self.status) {
            ("NoSuchBucket" | "NoSuchKey" | "NotFound" | "NoSuchUpload", _) => {
                FailureKind::NotFound
            }
            ("PreconditionFailed" | "ConditionalRequestConflict", _) => FailureKind::Precondition,
            ("NotModified", _) => FailureKind::NotModified,
            // These come as 400 or 403 and are about who asks, not about what is allowed.
            ("SignatureDoesNotMatch" | "InvalidAccessKeyId" | "NotSignedUp", _)
            | ("ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired", _)
            | ("InvalidToken" | "RequestTimeTooSkewed" | "RequestExpired", _) => {
                FailureKind::Unauthenticated
            }
            // Comes as 403, and no permission helps.
            ("InvalidObjectState", _) => FailureKind::Other,
            (_, Some(401 | 403)) => FailureKind::Denied,
            _ => FailureKind::Other,
        }
    }

    fn remedy(&self, code: &str, kind: FailureKind, call: &Call) -> Option<String> {
        let bucket = &call.bucket;
        Some(match code {
            "NoSuchBucket" => {
                format!("check the name {bucket}, and --endpoint-url if the store is not AWS")
            }
            "InvalidObjectState" => "it is archived: restore it from Glacier first".to_owned(),
            "PermanentRedirect"
            | "TemporaryRedirect"
            | "AuthorizationHeaderMalformed"
            | "IllegalLocationConstraintException" => self.right_region(bucket),
            "SignatureDoesNotMatch" | "InvalidAccessKeyId" | "NotSignedUp" => {
                "check access key and secret: AWS_PROFILE, --profile or the environment".to_owned()
            }
            "RequestTimeTooSkewed" | "RequestExpired" => "set this machine's clock".to_owned(),
            "SlowDown" | "ServiceUnavailable" | "Throttling" | "RequestLimitExceeded" => {
                "the store throttles and did not stop: run it again later".to_owned()
            }
            _ if kind == FailureKind::Unauthenticated => {
                "the session has ended: log in again, such as with `aws sso login`".to_owned()
            }
            _ if kind == FailureKind::Denied => self.permission(call),
            _ => return None,
        })
    }

    /// S3's code; answers to HEAD have no body, so theirs is in the status.
    fn code(&self) -> Option<String> {
        let by_status = || {
            Some(match self.status? {
                301 | 307 => "PermanentRedirect".to_owned(),
                304 => "NotModified".to_owned(),
                403 => "AccessDenied".to_owned(),
                404 => "NotFound".to_owned(),
                412 => "PreconditionFailed".to_owned(),
                503 => "SlowDown".to_owned(),
                status if status >= 300 => format!("status {status}"),
                _ => return None,
            })
        };
        self.code
            .clone()
            .filter(|code| !code.is_empty() && self.no_answer.is_none())
            .or_else(by_status)
    }

    fn right_region(&self, bucket: &str) -> String {
        let quoted = || {
            let (_, rest) = self.message.split_once("expecting '")?;
            rest.split_once('\'').map(|(region, _)| region.to_owned())
        };
        match self.region.clone().or_else(quoted) {
            Some(region) => format!("the bucket is in {region}: pass --region {region}"),
            None => format!("the bucket {bucket} is in another region: pass it with --region"),
        }
    }

    fn permission(&self, call: &Call) -> String {
        if self.message.contains("kms:") {
            return "grant kms:Decrypt (and kms:GenerateDataKey to write) on the bucket's key"
                .into();
        }
        if call.login == Login::Nobody {
            return "it is not public: leave out --no-sign-request and log in".into();
        }
        format!(
            "grant {}, or use another --profile; for a public bucket pass --no-sign-request",
            call.operation.permission(&call.bucket)
        )
    }

    fn unanswered(self, call: Call) -> Failure {
        // The SDK's credential errors have no common type that reaches here; their words do.
        let credentials = ["credential", "identity", "SSO"];
        // Credentials that do not answer in time may do so later; others will not appear.
        let moment = |again| match self.no_answer {
            Some("request not sent") | None => Again::Never,
            Some(_) => again,
        };
        let (kind, again, code, remedy) = if credentials
            .iter()
            .any(|word| self.causes.contains(word))
        {
            let remedy = match &call.login {
                Login::Profile(name) => format!(
                    "is {name} a profile in ~/.aws/config? log in with `aws sso login --profile {name}`"
                ),
                _ => "log in (`aws sso login`), set AWS_PROFILE or keys; for a public bucket pass \
                      --no-sign-request"
                    .to_owned(),
            };
            let late = self.causes.contains("timed out") || self.causes.contains("timeout");
            let again = if late { moment(Again::Later) } else { Again::Never };
            (FailureKind::Unauthenticated, again, "no credentials".to_owned(), remedy)
        } else {
            let remedy = "check network, proxy, --region and --endpoint-url".to_owned();
            let host = &call.host;
            let code = match self.no_answer {
                Some(what @ ("no connection" | "request not sent")) => format!("{what} to {host}"),
                Some(what) => format!("{what} from {host}"),
                None => "failed".to_owned(),
            };
            (FailureKind::Other, moment(Again::Later), code, remedy)
        };
        Failure { kind, again, code, message: self.causes, remedy: Some(remedy), call }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let path = failure.call.key.clone();
        let kind = failure.kind;
        let source = Box::new(failure);
        match kind {
            FailureKind::NotFound => Self::NotFound { path, source },
            FailureKind::Denied => Self::PermissionDenied { path, source },
            FailureKind::Unauthenticated => Self::Unauthenticated { path, source },
            FailureKind::Precondition => Self::Precondition { path, source },
            FailureKind::NotModified => Self::NotModified { path, source },
            FailureKind::CutShort | FailureKind::Other => Self::Generic { store: STORE, source },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, code: Option<&str>, message: &str, region: Option<&str>) -> Failure {
        let call = Call {
            operation: Operation::List,
            bucket: "logs".into(),
            key: "a/".into(),
            login: Login::Chain,
            host: "s3.us-east-1.amazonaws.com".into(),
        };
        Answer {
            status: Some(status),
            code: code.map(Into::into),
            message: message.into(),
            region: region.map(Into::into),
            no_answer: None,
            causes: String::new(),
        }
        .judge(call)
    }

    #[test]
    fn a_wrong_region_names_the_right_one() {
        let header = judged(301, None, "", Some("eu-west-1"));
        assert_eq!(
            header.to_string(),
            "ListObjectsV2 (s3://logs/a/): PermanentRedirect; the bucket is in eu-west-1: pass --region eu-west-1"
        );
        let message = "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'";
        let body = judged(400, Some("AuthorizationHeaderMalformed"), message, None);
        assert!(body.to_string().ends_with("pass --region eu-west-1"), "{body}");
    }

    #[test]
    fn only_what_passes_is_asked_again() {
        for (status, code, again) in [
            (503, Some("SlowDown"), Again::Later),
            (503, None, Again::Later),
            (500, Some("InternalError"), Again::Later),
            (400, Some("RequestTimeout"), Again::Later),
            (400, Some("ExpiredToken"), Again::Renewed),
            (403, Some("AccessDenied"), Again::Never),
            (404, Some("NoSuchKey"), Again::Never),
            (301, None, Again::Never),
            (412, None, Again::Never),
            (403, Some("InvalidAccessKeyId"), Again::Never),
        ] {
            assert_eq!(judged(status, code, "", None).again, again, "{status} {code:?}");
        }
    }

    #[test]
    fn denied_names_the_permission() {
        let failure = judged(403, Some("AccessDenied"), "Access Denied", None);
        assert_eq!(failure.kind, FailureKind::Denied);
        assert_eq!(
            failure.to_string(),
            "ListObjectsV2 (s3://logs/a/): AccessDenied: Access Denied; grant s3:ListBucket on \
             arn:aws:s3:::logs, or use another --profile; for a public bucket pass --no-sign-request"
        );
        let key = judged(403, Some("AccessDenied"), "not authorized to perform: kms:Decrypt", None);
        assert!(key.to_string().contains("grant kms:Decrypt"), "{key}");
    }

    #[test]
    fn answers_without_a_body_are_read_from_the_status() {
        for (status, kind) in [
            (403, FailureKind::Denied),
            (404, FailureKind::NotFound),
            (412, FailureKind::Precondition),
            (304, FailureKind::NotModified),
            (400, FailureKind::Other),
        ] {
            assert_eq!(judged(status, None, "", None).kind, kind, "{status}");
        }
    }
}
