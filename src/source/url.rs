//! Source names: `s3://bucket/prefix`, `file:///folder`, or a path.

use std::path::PathBuf;

/// What a user's name of a source means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceUrl {
    /// A bucket, and a key or key prefix in it.
    S3 {
        /// Bucket name, or access point alias.
        bucket: String,
        /// Key or prefix exactly as written, without the leading slash; empty for the whole bucket.
        key: String,
    },
    /// A folder or file on disk.
    Local(PathBuf),
}

/// A source name that means nothing here.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// No name at all.
    #[error("a source is empty: name a folder or s3://bucket/prefix")]
    Empty,
    /// `s3://` without a bucket, or a bucket name that S3 does not allow.
    #[error("{name:?} names no bucket: write s3://bucket/prefix")]
    Bucket {
        /// The name as given.
        name: String,
    },
    /// An access point ARN in place of the bucket.
    #[error("{name:?} is an ARN: write s3:// and the bucket's name or the access point's alias")]
    Arn {
        /// The name as given.
        name: String,
    },
    /// An HTTP address.
    #[error(
        "{name:?} is a web address: write s3://bucket/prefix (and --endpoint-url for a store that is not AWS)"
    )]
    Http {
        /// The name as given.
        name: String,
    },
    /// Another scheme.
    #[error("{name:?} has the unknown scheme {scheme:?}: sources are folders, file:// and s3://")]
    Scheme {
        /// The name as given.
        name: String,
        /// What stood before `://`.
        scheme: String,
    },
    /// A `file://` URL with a host, or one that is no path.
    #[error("{name:?} is not a path on this machine: write file:///folder or just the folder")]
    File {
        /// The name as given.
        name: String,
    },
}

impl SourceUrl {
    /// Reads a source name. Nothing is looked up.
    ///
    /// # Errors
    /// What is wrong and how it should be written.
    pub fn parse(name: &str) -> Result<Self, UrlError> {
        let owned = || name.to_owned();
        if name.is_empty() {
            return Err(UrlError::Empty);
        }
        if name.starts_with("arn:") {
            return Err(UrlError::Arn { name: owned() });
        }
        let Some((scheme, rest)) = name.split_once("://") else {
            return Ok(Self::Local(PathBuf::from(name)));
        };
        match scheme.to_ascii_lowercase().as_str() {
            "s3" | "s3a" | "s3n" => Self::parse_s3(name, rest),
            "file" => ::url::Url::parse(name)
                .ok()
                .and_then(|url| url.to_file_path().ok())
                .map(Self::Local)
                .ok_or_else(|| UrlError::File { name: owned() }),
            "http" | "https" => Err(UrlError::Http { name: owned() }),
            // A folder may be called `a:` and hold another one; a scheme is a plain word.
            word if !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric()) => {
                Err(UrlError::Scheme { name: owned(), scheme: scheme.to_owned() })
            }
            _ => Ok(Self::Local(PathBuf::from(name))),
        }
    }

    fn parse_s3(name: &str, rest: &str) -> Result<Self, UrlError> {
        if rest.starts_with("arn:") {
            return Err(UrlError::Arn { name: name.to_owned() });
        }
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        // Capitals and underscores are allowed in the oldest buckets and by other stores.
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        if bucket.is_empty() || !bucket.bytes().all(allowed) || bucket.starts_with('.') {
            return Err(UrlError::Bucket { name: name.to_owned() });
        }
        Ok(Self::S3 { bucket: bucket.to_owned(), key: key.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s3(bucket: &str, key: &str) -> SourceUrl {
        SourceUrl::S3 { bucket: bucket.into(), key: key.into() }
    }

    #[test]
    fn names_that_mean_something() {
        for (name, url) in [
            ("s3://logs", s3("logs", "")),
            ("s3://logs/", s3("logs", "")),
            ("S3://logs/a b/%41?x#y", s3("logs", "a b/%41?x#y")),
            ("sample-data", SourceUrl::Local("sample-data".into())),
            ("/var/log:/x", SourceUrl::Local("/var/log:/x".into())),
            ("file:///tmp/a%20b", SourceUrl::Local("/tmp/a b".into())),
        ] {
            assert_eq!(SourceUrl::parse(name).as_ref(), Ok(&url), "{name}");
        }
    }

    #[test]
    fn names_that_mean_nothing_say_how_to_write_them() {
        for (name, message) in [
            ("", "a source is empty: name a folder or s3://bucket/prefix"),
            ("s3://", "\"s3://\" names no bucket: write s3://bucket/prefix"),
            ("s3:///key", "\"s3:///key\" names no bucket: write s3://bucket/prefix"),
            ("s3://a b/", "\"s3://a b/\" names no bucket: write s3://bucket/prefix"),
            (
                "gs://logs",
                "\"gs://logs\" has the unknown scheme \"gs\": sources are folders, file:// and s3://",
            ),
            (
                "file://host/x",
                "\"file://host/x\" is not a path on this machine: write file:///folder or just the folder",
            ),
        ] {
            assert_eq!(SourceUrl::parse(name).unwrap_err().to_string(), message);
        }
        assert!(matches!(SourceUrl::parse("arn:aws:s3:::logs"), Err(UrlError::Arn { .. })));
        assert!(matches!(SourceUrl::parse("https://s3/x"), Err(UrlError::Http { .. })));
    }
}
