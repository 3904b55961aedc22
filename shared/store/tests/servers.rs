//! Servers that the queue can't live on, refused by name.

use greenline_store::{PrivateServer, PrivateServerConfig, Store, StoreConfig};

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
    let said = refused.to_string();
    assert!(said.contains("Redis Cluster") && said.contains("Sentinel"), "{said}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_without_its_password() {
    let Err(refused) = Store::connect(StoreConfig::at("redis://me:hunter2@127.0.0.1:1")).await
    else {
        panic!("nobody listens there")
    };
    let said = refused.to_string();
    assert!(said.contains("127.0.0.1:1") && !said.contains("hunter2"), "{said}");
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
