//! `oxtables replay`: every packet of a capture through the rules, one after the other, with their connections.

mod progress;
mod tally;

use crate::explain::{capture_arrival, now, settle};
use crate::packet_words::PacketWords;
use crate::ruleset::Rules;
use crate::store::Place;
use crate::surroundings::{self, HostWords};
use oxtables_base::Family;
use oxtables_base::text::visible;
use oxtables_engine::{Arrival, Engine, Options, Routed, Topology};
use oxtables_packet::pcap::{Frame, Reader, WriteError, Writer};
use oxtables_packet::{Known, Moment, Packet};
use progress::Progress;
use std::ffi::OsStr;
use std::fs::File;
use std::io::BufWriter;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use tally::Tally;

const USAGE: &str = "\
Usage: oxtables replay FILE [-i NAME] [-o NAME] [--rules FILE] [--rules6 FILE] [HOST]
                       [--dropped OUT] [--verdicts]

Takes every packet of a pcap or pcapng file through the rules, in order and with the times
of the capture, and counts. Nothing is sent.

  -i NAME         the packets come in by this interface; for this host, or with
  -o NAME         passed on by this one (-o alone: they are this host's own)
  HOST            instead of -i and -o, as for `oxtables explain': a packet from an address
                  of the host is its own, any other comes in where its sender is routed,
                  or by the interface that a pcapng file names
  --rules FILE, --rules6 FILE
                  of save files; without these the live ones (or --backend file:PATH)
  --dropped OUT   write the packets that are dropped or rejected to a pcap file
  --verdicts      a line for each packet: its number, the verdict and what decided

The exit code is 0, and 2 for wrong words or files; a capture that breaks off is replayed up
to there first.
";

/// What the command line says.
#[derive(Default)]
struct Request {
    file: Option<Vec<u8>>,
    rules: Vec<(Family, Vec<u8>)>,
    host: HostWords,
    has_host: bool,
    ends: PacketWords,
    dropped: Option<PathBuf>,
    verdicts: bool,
}

/// Runs `oxtables replay` with the words behind it, and gives its exit code.
pub(crate) fn run(words: &[&[u8]]) -> u8 {
    if matches!(words, [] | [b"-h" | b"--help"]) {
        print!("{USAGE}");
        return if words.is_empty() { 2 } else { 0 };
    }
    match replay(words) {
        Ok(()) => 0,
        Err(why) => {
            eprintln!("oxtables replay: {why}");
            2
        }
    }
}

fn replay(words: &[&[u8]]) -> Result<(), String> {
    let (kept, _) = Place::wanted(Family::Ip4, words)?;
    let request = parse(&kept)?;
    let path = request.file.as_deref().ok_or("which capture is missing (--help)")?;
    let shown = visible(path);
    let bytes = std::fs::read(OsStr::from_bytes(path))
        .map_err(|e| format!("{shown} cannot be read: {e}"))?;
    let mut rules = Rules::default();
    for (family, path) in &request.rules {
        rules.add_file(*family, path)?;
    }
    if request.rules.is_empty() {
        for family in [Family::Ip4, Family::Ip6] {
            rules.add_live(family, &Place::wanted(family, words)?.1)?;
        }
    }
    let topology = topology(&request, rules.is_live())?;
    let engine = Engine::new(&rules.rulesets, topology.clone(), Options::default());
    let mut engine = engine.map_err(|e| e.to_string())?;
    let mut tally = Tally::new(&rules, &engine);
    let mut way = Way { request: &request, topology, time: now(), dropped: None };
    let mut reader = Reader::new(&bytes).map_err(|e| format!("{shown}: {e}"))?;
    let mut progress = Progress::new(bytes.len());
    let mut broken = None;
    while let Some(frame) = reader.next() {
        match frame {
            Ok(frame) => way.frame(&mut engine, &mut tally, &frame)?,
            Err(e) => broken = Some(format!("{shown}: {e}")),
        }
        progress.at(reader.bytes_read());
    }
    progress.done();
    way.finish()?;
    print!("{}", tally.report(&shown, &rules, &engine));
    broken.map_or(Ok(()), Err)
}

fn parse(words: &[&[u8]]) -> Result<Request, String> {
    let mut request = Request::default();
    let mut rest = words.iter().peekable();
    while let Some(&word) = rest.next() {
        let mut value =
            || rest.next().copied().ok_or_else(|| format!("{}: needs a value", visible(word)));
        match word {
            b"--rules" => request.rules.push((Family::Ip4, value()?.to_vec())),
            b"--rules6" => request.rules.push((Family::Ip6, value()?.to_vec())),
            b"--dropped" => request.dropped = Some(OsStr::from_bytes(value()?).into()),
            b"--verdicts" => request.verdicts = true,
            b"-i" | b"-o" | b"--in-interface" | b"--out-interface" => {
                request.ends.take(word, &mut rest).map_err(|e| e.to_string())?;
            }
            _ if surroundings::OPTIONS.contains(&word) => {
                request.host.take(word, value()?)?;
                request.has_host = true;
            }
            [b'-', ..] => return Err(format!("{}: not known (--help)", visible(word))),
            path if request.file.is_none() => request.file = Some(path.to_vec()),
            path => return Err(format!("{}: one capture at a time", visible(path))),
        }
    }
    Ok(request)
}

/// The host told, or the live one; with `-i` or `-o` and no host, nothing but where packets leave.
fn topology(request: &Request, live: bool) -> Result<Topology, String> {
    let ends = &request.ends;
    let told = ends.input.is_some() || ends.output.is_some();
    let live = live && !told;
    if !told && !request.has_host && !live {
        return Err("say -i or -o, or tell of the host (--address, --topology)".to_owned());
    }
    let around = request.host.around(Family::Ip4, Some(ends), live)?;
    Ok(around.topology)
}

/// Where packets come from and go to.
struct Way<'a> {
    request: &'a Request,
    topology: Topology,
    /// The time of the packet before, for one without.
    time: Moment,
    dropped: Option<Writer<BufWriter<File>>>,
}

impl Way<'_> {
    fn frame(
        &mut self,
        engine: &mut Engine,
        tally: &mut Tally,
        frame: &Frame<'_>,
    ) -> Result<(), String> {
        let mut packet = match frame.packet() {
            Ok(packet) => packet,
            Err(why) => {
                tally.unusable(&why);
                return Ok(());
            }
        };
        let Some(arrival) = self.arrival(&packet, frame) else {
            tally.astray();
            return Ok(());
        };
        if let Known::Known(time) = frame.time {
            self.time = time;
        }
        if !self.request.has_host && self.request.ends.input.is_some() {
            packet.context.out_interface = match self.request.ends.output {
                Some(output) => Known::Known(output),
                None => Known::Absent,
            };
        }
        let mut walk = if self.request.verdicts {
            engine.packet(packet, arrival, self.time)
        } else {
            engine.verdict(packet, arrival, self.time)
        };
        if self.request.verdicts {
            settle(&mut walk, false);
            let decided =
                walk.deciding.as_ref().map_or_else(String::new, |rule| format!(" by {rule}"));
            println!(
                "{} {}{}",
                frame.number,
                crate::explain::verdict_line(&walk.end),
                visible(decided.as_bytes())
            );
        }
        if matches!(walk.end.word(), "drop" | "reject") {
            self.keep(frame)?;
        }
        tally.add(&walk.end);
        Ok(())
    }

    fn arrival(&self, packet: &Packet, frame: &Frame<'_>) -> Option<Arrival> {
        let ends = &self.request.ends;
        if !self.request.has_host && (ends.input.is_some() || ends.output.is_some()) {
            return capture_arrival(ends, &Known::Absent);
        }
        if self.topology.is_local(packet.src()) {
            return Some(Arrival::Local);
        }
        capture_arrival(ends, &frame.interface).or_else(|| {
            match self.topology.lookup(packet.src()) {
                Known::Known(Routed::Out(name)) => Some(Arrival::Interface(name)),
                _ => None,
            }
        })
    }

    /// Writes a packet that did not get through.
    fn keep(&mut self, frame: &Frame<'_>) -> Result<(), String> {
        let Some(path) = &self.request.dropped else { return Ok(()) };
        let fails = |why: String| format!("{}: {why}", visible(path.as_os_str().as_bytes()));
        if self.dropped.is_none() {
            let file = File::create(path).map_err(|e| fails(e.to_string()))?;
            let writer = Writer::new(BufWriter::new(file), frame.link_type);
            self.dropped = Some(writer.map_err(|e| fails(e.to_string()))?);
        }
        let Some(writer) = &mut self.dropped else { return Ok(()) };
        writer
            .write(frame.link_type, self.time, frame.bytes, frame.wire_len)
            .map_err(|e: WriteError| fails(e.to_string()))
    }

    fn finish(self) -> Result<(), String> {
        match (self.dropped, &self.request.dropped) {
            (Some(writer), _) => writer.finish().map(drop).map_err(|e| e.to_string()),
            // No packet was dropped: an empty capture says so.
            (None, Some(path)) => {
                let file = File::create(path).map_err(|e| e.to_string())?;
                let writer = Writer::new(file, oxtables_packet::pcap::link_type::ETHERNET);
                writer.map(drop).map_err(|e| e.to_string())
            }
            (None, None) => Ok(()),
        }
    }
}
