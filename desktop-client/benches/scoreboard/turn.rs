//! Media through the relay: ours beside coturn, each a process of its own, under the same load in the same run.
//!
//! A client binds a channel to a peer that sends everything back, and keeps so many packets on their way: each
//! round is two relayed packets.

use crate::row::{Better, Row};
use castle_server::ice::TurnSecret;
use castle_server::transport::TrustedProxies;
use castle_server::turn::machine::RelayIp;
use castle_server::turn::machine::limits::{Limits, Rate};
use castle_server::turn::wire::{Key, Method, Response, Writer, write_channel_data};
use castle_server::turn::{Relay, RelayConfig, system_clock};
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

type Fault = Box<dyn std::error::Error>;

const MEASURE: Duration = Duration::from_secs(4);
/// Clients at once.
const CLIENTS: usize = 8;
/// Packets of one client on their way.
const WINDOW: usize = 32;
/// A packet of video.
const PACKET_BYTES: usize = 1200;
const CHANNEL: u16 = 0x4000;
const SECRET: &str = "north";
/// A window that was lost is sent again after this.
const LOST_AFTER: Duration = Duration::from_millis(100);
const READY_WITHIN: Duration = Duration::from_secs(10);

struct Process {
    child: Child,
    address: SocketAddr,
    _home: tempfile::TempDir,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Process {
    fn ours() -> Result<Self, Fault> {
        let home = tempfile::tempdir()?;
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--serve", "turn"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("stdout is piped")).read_line(&mut line)?;
        Ok(Self { child, address: line.trim().parse()?, _home: home })
    }

    fn coturn() -> Result<Self, Fault> {
        let home = tempfile::tempdir()?;
        let port = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let child = Command::new("turnserver")
            .args(["-n", "-L", "127.0.0.1", "-E", "127.0.0.1", "-p", &port.to_string()])
            .args(["--use-auth-secret", "--static-auth-secret", SECRET, "--realm", "castle"])
            .args(["--allow-loopback-peers", "--no-tls", "--no-dtls", "--no-cli", "--log-file", "stdout"])
            .arg("--userdb")
            .arg(home.path().join("turndb"))
            .arg("--pidfile")
            .arg(home.path().join("pid"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let process = Self { child, address: (Ipv4Addr::LOCALHOST, port).into(), _home: home };
        let socket = Client::socket(process.address)?;
        socket.set_read_timeout(Some(LOST_AFTER))?;
        let begun = Instant::now();
        loop {
            socket.send(&Writer::request(Method::Binding, [1; 12]).finish(None)).ok();
            if socket.recv(&mut [0; 2048]).is_ok() {
                return Ok(process);
            }
            if begun.elapsed() > READY_WITHIN {
                return Err("coturn's turnserver does not answer".into());
            }
        }
    }

    /// Processor time used so far, seconds, from `/proc/<pid>/stat` in clock ticks of 10 ms.
    fn cpu_s(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
        (ticks(11) + ticks(12)) / 100.0
    }
}

/// Runs our relay; says where.
pub(crate) async fn serve() -> Result<(), Fault> {
    let udp = tokio::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("{}", udp.local_addr()?);
    let (ip, plenty) = (Ipv4Addr::LOCALHOST.into(), Rate { per_second: 1 << 40, burst: 1 << 40 });
    let relay = Relay::start(RelayConfig {
        udp: vec![udp],
        tcp: Vec::new(),
        ips: vec![RelayIp { bound: ip, shown: ip }],
        ports: None,
        allowed_peers: Vec::new(),
        proxies: TrustedProxies::default(),
        loopback_peers: true,
        limits: Limits { guest_bandwidth: plenty, bandwidth: plenty, ..Limits::default() },
        secret: TurnSecret::new(SECRET),
        clock: system_clock(),
    })
    .await?;
    std::future::pending::<()>().await;
    relay.close().await;
    Ok(())
}

/// A client with a channel to a peer of its own.
struct Client {
    socket: UdpSocket,
    peer: UdpSocket,
}

impl Client {
    fn socket(to: SocketAddr) -> Result<UdpSocket, Fault> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(to)?;
        Ok(socket)
    }

    fn open(relay: SocketAddr, number: usize) -> Result<Self, Fault> {
        let (socket, peer) = (Self::socket(relay)?, UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?);
        socket.set_read_timeout(Some(READY_WITHIN))?;
        let expiry = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() + 600;
        let username = format!("{expiry}:bench{number}");
        let key = Key::new(&username, "castle", &TurnSecret::new(SECRET).password_for(&username));
        let mut nonce = Vec::new();
        let mut ask = |method: Method, fill: &dyn Fn(Writer) -> Writer| -> Result<Response, Fault> {
            loop {
                let writer = fill(Writer::request(method, rand::random())).username(&username);
                socket.send(&writer.challenge("castle", &nonce).finish(Some(&key)))?;
                let mut answer = [0; 2048];
                let length = socket.recv(&mut answer)?;
                let answer = Response::read(&answer[..length], None).ok_or("not an answer")?;
                match (answer.code, answer.nonce.clone()) {
                    (401 | 438, Some(fresh)) if fresh != nonce => nonce = fresh,
                    (0, _) => return Ok(answer),
                    (code, _) => return Err(format!("the relay refuses with {code}").into()),
                }
            }
        };
        ask(Method::Allocate, &|writer| writer.transport(17))?;
        let peer_address = peer.local_addr()?;
        ask(Method::ChannelBind, &|writer| writer.channel(CHANNEL).peer(peer_address))?;
        Ok(Self { socket, peer })
    }

    /// How many packets came back until `done`.
    fn run(&self, done: &AtomicBool) -> std::io::Result<u64> {
        let mut packet = Vec::new();
        write_channel_data(&mut packet, CHANNEL, &[7; PACKET_BYTES], false);
        let (mut heard, mut buffer) = (0, [0; 2048]);
        self.socket.set_read_timeout(Some(LOST_AFTER))?;
        for _ in 0..WINDOW {
            self.socket.send(&packet)?;
        }
        while !done.load(Ordering::Relaxed) {
            let missing = match self.socket.recv(&mut buffer) {
                Ok(_) => {
                    heard += 1;
                    1
                }
                Err(_) => WINDOW,
            };
            for _ in 0..missing {
                self.socket.send(&packet)?;
            }
        }
        Ok(heard)
    }

    fn echo(&self, done: &AtomicBool) -> std::io::Result<()> {
        let mut buffer = [0; 2048];
        self.peer.set_read_timeout(Some(LOST_AFTER))?;
        while !done.load(Ordering::Relaxed) {
            if let Ok((length, from)) = self.peer.recv_from(&mut buffer) {
                self.peer.send_to(&buffer[..length], from)?;
            }
        }
        Ok(())
    }
}

struct Measured {
    megabits_per_second: f64,
    cpu_us_per_packet: f64,
}

fn measure(process: &Process) -> Result<Measured, Fault> {
    let clients = (0..CLIENTS).map(|number| Client::open(process.address, number).map(Arc::new));
    let clients = clients.collect::<Result<Vec<_>, _>>()?;
    let done = Arc::new(AtomicBool::new(false));
    let (begun, cpu) = (Instant::now(), process.cpu_s());
    let echoes: Vec<_> = clients
        .iter()
        .map(|client| {
            let (client, done) = (Arc::clone(client), Arc::clone(&done));
            std::thread::spawn(move || client.echo(&done))
        })
        .collect();
    let senders: Vec<_> = clients
        .iter()
        .map(|client| {
            let (client, done) = (Arc::clone(client), Arc::clone(&done));
            std::thread::spawn(move || client.run(&done))
        })
        .collect();
    std::thread::sleep(MEASURE);
    let (seconds, cpu) = (begun.elapsed().as_secs_f64(), process.cpu_s() - cpu);
    done.store(true, Ordering::Relaxed);
    let mut rounds = 0;
    for sender in senders {
        rounds += sender.join().map_err(|_| "a sender panicked")??;
    }
    for echo in echoes {
        echo.join().map_err(|_| "a peer panicked")??;
    }
    let packets = 2 * rounds;
    Ok(Measured {
        megabits_per_second: (packets * PACKET_BYTES as u64 * 8) as f64 / seconds / 1e6,
        cpu_us_per_packet: cpu * 1e6 / packets as f64,
    })
}

pub(crate) fn rows() -> Result<Vec<Row>, Fault> {
    let (ours, coturn) = (measure(&Process::ours()?)?, measure(&Process::coturn()?)?);
    let name = |figure: &str| format!("turn: {figure}, {CLIENTS} clients");
    let rate = Row::new(name("relayed at saturation"), "Mb/s", Better::Higher, ours.megabits_per_second);
    let cost = Row::new(name("relay CPU per packet"), "µs", Better::Lower, ours.cpu_us_per_packet);
    Ok(vec![
        rate.beside("coturn", coturn.megabits_per_second),
        cost.beside("coturn", coturn.cpu_us_per_packet),
    ])
}
