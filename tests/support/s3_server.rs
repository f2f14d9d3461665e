//! A real S3-protocol server in this process: signatures are verified, keys are files of a folder.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use aws_sdk_s3::config::Credentials;
use halfrate::config::Retry;
use halfrate::source::S3Options;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};

use super::s3_bucket::Buckets;
use super::s3_faults::{CONNECTION, Fault, Kind, Traffic};
use super::s3_held::Held;

const ACCESS_KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// A running server; it ends when dropped.
pub(crate) struct Server {
    address: SocketAddr,
    root: PathBuf,
    traffic: Arc<Traffic>,
    held: Arc<Held>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves the folders in `root` as buckets, on a free port of this machine only.
    pub(crate) fn start(root: &Path) -> Self {
        Self::start_at(root, 0)
    }

    /// The same on a port of the caller's choice.
    pub(crate) fn start_at(root: &Path, port: u16) -> Self {
        let (traffic, held) = (Arc::new(Traffic::default()), Arc::new(Held::default()));
        let buckets = Buckets::new(root, Arc::clone(&traffic), Arc::clone(&held));
        let mut service = S3ServiceBuilder::new(buckets);
        service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = service.build();
        let (stop, stopped) = oneshot::channel();
        let (ready, address) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
                ready.send(listener.local_addr().unwrap()).unwrap();
                tokio::select! {
                    () = serve(&listener, service) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        });
        Self {
            address: address.recv().unwrap(),
            root: root.to_owned(),
            traffic,
            held,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// The address for `--endpoint-url`.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The access key that may do everything.
    pub(crate) fn access_key(&self) -> &'static str {
        ACCESS_KEY
    }

    /// Its secret.
    pub(crate) fn secret_key(&self) -> &'static str {
        SECRET_KEY
    }

    /// The environment in which a program reaches this server and nothing else.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.into()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.into()),
            ("AWS_REGION", "us-east-1".into()),
            ("AWS_ENDPOINT_URL_S3", self.endpoint()),
            ("AWS_EC2_METADATA_DISABLED", "true".into()),
            ("AWS_CONFIG_FILE", "/dev/null".into()),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".into()),
        ]
    }

    /// Options that reach this server with its keys and little patience.
    pub(crate) fn options(&self) -> S3Options {
        S3Options {
            region: Some("us-east-1".into()),
            endpoint_url: Some(self.endpoint()),
            credentials: Some(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "test")),
            retry: Retry { first_wait_ms: 5, longest_wait_ms: 50, ..Retry::default() },
            ..S3Options::default()
        }
    }

    /// Makes a bucket of the copied content of a folder, or adds it to one.
    pub(crate) fn seed(&self, bucket: &str, folder: &Path) {
        copy_folder(folder, &self.root.join(bucket));
    }

    /// Puts one object without asking the server, making the bucket when needed.
    pub(crate) fn write(&self, bucket: &str, key: &str, content: &[u8]) {
        let file = self.root.join(bucket).join(key);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }

    /// Puts one object that is kept in memory; its bucket has to be there.
    pub(crate) fn hold(&self, bucket: &str, key: &str, content: impl Into<bytes::Bytes>) {
        self.held.put(bucket, key, content.into());
    }

    /// Requests that were let in so far, by operation.
    pub(crate) fn requests(&self) -> BTreeMap<&'static str, u64> {
        self.traffic.requests()
    }

    /// Starts counting from zero.
    pub(crate) fn forget_requests(&self) {
        self.traffic.forget_requests();
    }

    /// Lets the next `times` requests of an operation on a matching key go wrong.
    pub(crate) fn fault(&self, operation: &'static str, key: &str, kind: Kind, times: u32) {
        self.traffic.add(Fault { operation, key: key.to_owned(), kind, times });
    }

    /// Takes all faults back.
    pub(crate) fn heal(&self) {
        self.traffic.heal();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: &TcpListener, service: S3Service) {
    loop {
        let Ok((socket, _)) = listener.accept().await else { continue };
        let service = service.clone();
        tokio::spawn(async move {
            let reset = Arc::new(Notify::new());
            let socket = socket.into_std().unwrap();
            let same = TcpStream::from_std(socket.try_clone().unwrap()).unwrap();
            let socket = TcpStream::from_std(socket).unwrap();
            let connection = Builder::new(TokioExecutor::new());
            let serving = connection.serve_connection(TokioIo::new(socket), service);
            tokio::select! {
                _ = CONNECTION.scope(Arc::clone(&reset), serving) => {}
                // A connection that does not linger is reset when it is dropped, and not closed.
                () = reset.notified() => same.set_zero_linger().unwrap(),
            }
        });
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
