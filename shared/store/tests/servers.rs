//! Servers that the queue can't live on, refused by name.

use greenline_store::{
    Credentials, Persistence, PrivateServer, PrivateServerConfig, ServerLogin, Store, StoreConfig,
    StoreError, cmd,
};

#[tokio::test]
async fn a_redis_cluster_is_refused_with_what_to_use_instead() {
    let folder = tempfile::tempdir().unwrap();
    // A node of a cluster wants a port, for its bus too: one that was free a moment ago.
    let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let bus = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let config =
        PrivateServerConfig { port: Some(port), ..PrivateServerConfig::new(folder.path()) }
            .set("cluster-enabled", "yes")
            .set("cluster-port", &bus.to_string());
    let server = PrivateServer::start(config).unwrap();
    let Err(refused) = Store::connect(StoreConfig::at(server.url())).await else {
        panic!("a cluster was taken")
    };
    let printed = refused.to_string();
    assert!(printed.contains("Redis Cluster") && printed.contains("Sentinel"), "{printed}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_without_its_password() {
    let Err(refused) = Store::connect(StoreConfig::at("redis://me:hunter2@127.0.0.1:1")).await
    else {
        panic!("nobody listens there")
    };
    let printed = refused.to_string();
    assert!(printed.contains("127.0.0.1:1") && !printed.contains("hunter2"), "{printed}");
}

#[tokio::test]
async fn a_private_server_ends_with_its_handle_and_is_taken_over_while_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let first = PrivateServer::start(PrivateServerConfig::new(folder.path())).unwrap();
    let second = PrivateServer::start(PrivateServerConfig::new(folder.path())).unwrap();
    assert_eq!(first.pid(), second.pid());
    let url = first.url();
    Store::connect(StoreConfig::at(&url)).await.unwrap();
    drop(first);
    drop(second);
    assert!(Store::connect(StoreConfig::at(&url)).await.is_err());
}

fn locked(folder: &std::path::Path, password: &str) -> PrivateServerConfig {
    let login = ServerLogin { user: "greenline".to_owned(), password: password.to_owned() };
    PrivateServerConfig {
        login: Some(login),
        persistence: Persistence::Always,
        ..PrivateServerConfig::new(folder)
    }
}

#[tokio::test]
async fn a_private_server_with_a_login_answers_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let config = locked(folder.path(), "correct-horse");
    let credentials: Credentials = config.login.clone().unwrap().into();
    let mut server = PrivateServer::start(config.clone()).unwrap();
    let with = |credentials| StoreConfig { credentials, ..StoreConfig::at(server.url()) };
    Store::connect(with(credentials.clone())).await.unwrap();
    for wrong in [
        Credentials::default(),
        Credentials { username: None, password: Some("correct-horse".to_owned()) },
        Credentials { password: Some("wrong".to_owned()), ..credentials.clone() },
    ] {
        let refused = Store::connect(with(wrong)).await;
        assert!(matches!(refused, Err(StoreError::Denied(_))), "{:?}", refused.err());
    }
    let pid = server.pid().unwrap();
    for file in ["cmdline", "environ"] {
        let text = std::fs::read(format!("/proc/{pid}/{file}")).unwrap();
        assert!(!String::from_utf8_lossy(&text).contains("correct-horse"), "{file}");
    }
    assert!(!format!("{config:?}").contains("correct-horse"));

    // The next one takes it over with the password, and not without.
    let again = PrivateServer::start(config).unwrap();
    assert_eq!(again.pid(), Some(pid));
    for other in [locked(folder.path(), "wrong"), PrivateServerConfig::new(folder.path())] {
        let printed = PrivateServer::start(other).unwrap_err().to_string();
        assert!(printed.contains("refuses this password"), "{printed}");
    }
    // What a script wrote is there after a restart, though the default user is off.
    let config = StoreConfig { credentials, ..StoreConfig::at(server.url()) };
    let write = "redis.call('SET','a',1) redis.call('SET','b',2) return 1";
    let store = Store::connect(config.clone()).await.unwrap();
    store.command::<u32>(cmd("EVAL").arg(write).arg(0)).await.unwrap();
    server.restart().unwrap();
    let store = Store::connect(config).await.unwrap();
    let kept: Vec<Option<String>> = store.command(cmd("MGET").arg(&["a", "b"])).await.unwrap();
    assert_eq!(kept, [Some("1".to_owned()), Some("2".to_owned())]);
}
