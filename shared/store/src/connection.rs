//! One shared connection, which reconnects when it breaks.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::{MultiplexedConnection, PubSub};
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, Cmd, ErrorKind, FromRedisValue, Pipeline,
    RedisError, ServerErrorKind, TlsCertificates, TlsMode, Value, from_redis_value,
};
use tokio::sync::Mutex;

use crate::config::{Credentials, Endpoint, StoreConfig};
use crate::script::Script;
use crate::server::{self, ServerFacts};
use crate::{Namespace, StoreError};

/// A handle on one Redis; cheap to clone, shared by everything in a process.
#[derive(Clone)]
pub struct Store {
    state: Arc<StoreState>,
}

struct StoreState {
    config: StoreConfig,
    address: String,
    finder: ServerFinder,
    link: Mutex<ConnectionSlot>,
}

/// The way to find the server that accepts writes.
enum ServerFinder {
    Direct(Client),
    Sentinel(Mutex<SentinelClient>),
}

/// The current connection. `generation` shows a caller whose call failed whether another caller has
/// already replaced the connection.
#[derive(Default)]
struct ConnectionSlot {
    generation: u64,
    connection: Option<MultiplexedConnection>,
}

impl Store {
    /// Connects, and refuses a server that the queue can't use: one older than Redis 7.0, or a
    /// Redis Cluster.
    pub async fn connect(config: StoreConfig) -> Result<Self, StoreError> {
        let store = Self::lazy(config)?;
        store.facts().await?.check()?;
        Ok(store)
    }

    /// Creates a handle that connects at its first call and checks nothing, for callers that
    /// inspect an unfit server.
    pub fn lazy(config: StoreConfig) -> Result<Self, StoreError> {
        let finder = ServerFinder::new(&config)?;
        let address = config.address();
        let state = StoreState { config, address, finder, link: Mutex::default() };
        Ok(Self { state: Arc::new(state) })
    }

    /// Returns the prefix of every key and channel.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.state.config.namespace
    }

    /// Returns the address of Redis without credentials.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.state.address
    }

    /// Returns the database that calls use.
    #[must_use]
    pub fn database(&self) -> u16 {
        self.state.config.effective_database()
    }

    /// Reads the server's facts.
    pub async fn facts(&self) -> Result<ServerFacts, StoreError> {
        server::facts(self).await
    }

    /// Runs one command.
    pub async fn command<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, StoreError> {
        let (generation, mut connection) = self.connection().await?;
        match send(&mut connection, command).await {
            Ok(value) => self.read(value),
            Err(error) => Err(self.failed(generation, error).await),
        }
    }

    /// Runs commands in one round trip and returns all replies in order. A failed command has its
    /// error as its reply.
    pub async fn pipeline(&self, pipeline: &Pipeline) -> Result<Vec<Value>, StoreError> {
        let (generation, mut connection) = self.connection().await?;
        match connection.send_packed_commands(pipeline, 0, pipeline.len()).await {
            Ok(values) => Ok(values),
            Err(error) => Err(self.failed(generation, error).await),
        }
    }

    /// Runs a script by a call that [`Script::call`] began.
    pub async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        call: &Cmd,
    ) -> Result<T, StoreError> {
        let (generation, mut connection) = self.connection().await?;
        let mut answer = send(&mut connection, call).await;
        if let Err(error) = &answer
            && error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
        {
            // After SCRIPT FLUSH, a restart or a failover, Redis has lost the script's text.
            answer = send(&mut connection, &script.by_text(call)).await;
        }
        match answer {
            Ok(value) => self.read(value),
            Err(error) => Err(self.failed(generation, error).await),
        }
    }

    /// Opens a separate connection for blocking calls such as `BLPOP`.
    pub async fn blocking(&self) -> Result<BlockingConnection, StoreError> {
        let client = self.client().await?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.state.config.connect_timeout))
            .set_response_timeout(None);
        let connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .map_err(|error| self.error(error))?;
        Ok(BlockingConnection { store: self.clone(), connection })
    }

    /// Opens a separate connection that listens to channels. The caller prepends the namespace to
    /// their names.
    pub async fn subscribe(&self, channels: &[String]) -> Result<PubSub, StoreError> {
        let client = self.client().await?;
        let connect = client.get_async_pubsub();
        let mut pubsub = tokio::time::timeout(self.state.config.connect_timeout, connect)
            .await
            .map_err(|_| self.timed_out())?
            .map_err(|error| self.error(error))?;
        for channel in channels {
            pubsub.subscribe(channel).await.map_err(|error| self.error(error))?;
        }
        Ok(pubsub)
    }

    fn read<T: FromRedisValue>(&self, value: Value) -> Result<T, StoreError> {
        from_redis_value(value).map_err(|error| self.error(error.into()))
    }

    fn error(&self, error: RedisError) -> StoreError {
        StoreError::of(error, &self.state.address)
    }

    fn timed_out(&self) -> StoreError {
        let error = std::io::Error::new(std::io::ErrorKind::TimedOut, "timed out");
        self.error(RedisError::from(error))
    }

    /// Returns the shared connection and opens it if needed. Concurrent callers wait for the same
    /// connection.
    async fn connection(&self) -> Result<(u64, MultiplexedConnection), StoreError> {
        let mut link = self.state.link.lock().await;
        if let Some(connection) = &link.connection {
            return Ok((link.generation, connection.clone()));
        }
        let client = self.client().await?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.state.config.connect_timeout))
            .set_response_timeout(Some(self.state.config.call_timeout));
        let connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .map_err(|error| self.error(error))?;
        link.generation += 1;
        link.connection = Some(connection.clone());
        Ok((link.generation, connection))
    }

    async fn client(&self) -> Result<Client, StoreError> {
        match &self.state.finder {
            ServerFinder::Direct(client) => Ok(client.clone()),
            ServerFinder::Sentinel(sentinel) => {
                let mut sentinel = sentinel.lock().await;
                let find = sentinel.async_get_client();
                tokio::time::timeout(self.state.config.call_timeout, find)
                    .await
                    .map_err(|_| self.timed_out())?
                    .map_err(|error| self.error(error))
            }
        }
    }

    /// Converts a client's error, and drops a connection that is dead, hangs, or leads to a former
    /// master.
    async fn failed(&self, generation: u64, error: RedisError) -> StoreError {
        let error = self.error(error);
        if error.wants_new_connection() {
            let mut link = self.state.link.lock().await;
            if link.generation == generation {
                link.connection = None;
            }
        }
        error
    }
}

/// A separate connection for calls that block on the server.
pub struct BlockingConnection {
    store: Store,
    connection: MultiplexedConnection,
}

impl BlockingConnection {
    /// Runs a command that waits up to `wait`. After an error, drop this connection and open
    /// another.
    pub async fn command<T: FromRedisValue>(
        &mut self,
        command: &Cmd,
        wait: Duration,
    ) -> Result<T, StoreError> {
        let limit = wait + self.store.state.config.call_timeout;
        let answer = tokio::time::timeout(limit, send(&mut self.connection, command));
        match answer.await {
            Ok(Ok(value)) => self.store.read(value),
            Ok(Err(error)) => Err(self.store.error(error)),
            Err(_) => Err(self.store.timed_out()),
        }
    }
}

/// Sends a command. The client returns a server's error as a value; this turns it back into an
/// error.
async fn send(connection: &mut MultiplexedConnection, command: &Cmd) -> redis::RedisResult<Value> {
    connection.send_packed_command(command).await?.extract_error()
}

impl ServerFinder {
    fn new(config: &StoreConfig) -> Result<Self, StoreError> {
        let settings = |error: RedisError| StoreError::Settings(error.to_string());
        match &config.endpoint {
            Endpoint::Url(url) => {
                let info = config.connection_info(url)?;
                let client = match certificates(config)? {
                    Some(certificates) => Client::build_with_tls(info, certificates),
                    None => {
                        provide_cryptography();
                        Client::open(info)
                    }
                };
                Ok(Self::Direct(client.map_err(settings)?))
            }
            Endpoint::Sentinel { sentinels, master, credentials, tls } => {
                let addresses = StoreConfig::sentinel_addresses(sentinels, *tls)?;
                let client = sentinel_client(config, addresses, master, credentials, *tls)?;
                Ok(Self::Sentinel(Mutex::new(client)))
            }
        }
    }
}

fn sentinel_client(
    config: &StoreConfig,
    addresses: Vec<redis::ConnectionAddr>,
    master: &str,
    credentials: &Credentials,
    tls: bool,
) -> Result<SentinelClient, StoreError> {
    let settings = |error: RedisError| StoreError::Settings(error.to_string());
    let mut builder = SentinelClientBuilder::new(addresses, master, SentinelServerType::Master)
        .map_err(settings)?
        .set_client_to_redis_db(config.effective_database().into());
    if let Some(username) = &config.credentials.username {
        builder = builder.set_client_to_redis_username(username);
    }
    if let Some(password) = &config.credentials.password {
        builder = builder.set_client_to_redis_password(password);
    }
    if let Some(username) = &credentials.username {
        builder = builder.set_client_to_sentinel_username(username);
    }
    if let Some(password) = &credentials.password {
        builder = builder.set_client_to_sentinel_password(password);
    }
    if tls {
        provide_cryptography();
        builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
        if let Some(certificates) = certificates(config)? {
            builder = builder
                .set_client_to_redis_certificates(certificates.clone())
                .set_client_to_sentinel_certificates(certificates);
        }
    }
    builder.build().map_err(settings)
}

fn certificates(config: &StoreConfig) -> Result<Option<TlsCertificates>, StoreError> {
    if config.tls.ca.is_none() && config.tls.client.is_none() {
        return Ok(None);
    }
    provide_cryptography();
    let root_cert = config.tls.ca.as_deref().map(pem).transpose()?;
    let client_tls = match &config.tls.client {
        Some((cert, key)) => {
            Some(ClientTlsConfig { client_cert: pem(cert)?, client_key: pem(key)? })
        }
        None => None,
    };
    Ok(Some(TlsCertificates { client_tls, root_cert }))
}

fn pem(path: &Path) -> Result<Vec<u8>, StoreError> {
    std::fs::read(path).map_err(|error| {
        StoreError::Settings(format!("can't read the TLS file {}: {error}", path.display()))
    })
}

/// rustls needs one provider of cryptography per process. The first caller sets it, and all callers
/// set the same one.
fn provide_cryptography() {
    let _already_set = rustls::crypto::ring::default_provider().install_default();
}
