//! A program of the Berkeley packet filter that decides (kernel `net/netfilter/xt_bpf.c:bpf_mt_v1`).

mod machine;

use crate::abi::{self, abi};
use crate::value::{Name, Unseen};
use crate::*;
use machine::Instruction;
use oxtables_base::number;
use oxtables_base::sample::Rng;

const BYTECODE: Opt<Source> =
    Opt::new("bytecode", "the number of instructions, and the instructions")
        .excludes(&["object-pinned"]);
const PINNED: Opt<Path> = Opt::new("object-pinned", "the program that is pinned there");

/// `XT_BPF_MAX_NUM_INSTR` (linux/netfilter/xt_bpf.h).
const MAX: usize = 64;
/// The room of the program or the path.
const ROOM: usize = MAX * 8;
/// `enum xt_bpf_modes`.
const MODE_BYTECODE: u16 = 0;
const MODE_PINNED: u16 = 1;

/// `-m bpf`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Bpf {
    /// The instructions themselves, 1 to 64.
    Program(Box<[Instruction]>),
    /// A program somewhere in a bpf file system.
    ///
    /// COMPAT: upstream opens the program and sends the number of its file descriptor beside the
    /// path. The kernel looks at the path alone since 4.16, so here it is not opened and 0 is sent;
    /// a number that came is sent back.
    Pinned(Path, Unseen<i32>),
}

type Path = Name<{ ROOM - 1 }>;

/// A program as text: `N,code jt jf k,code jt jf k...`.
struct Source(Box<[u8]>);

impl Value for Source {
    const SYNTAX: &'static str = "N,code jt jf k[,...]";

    fn parse(word: &[u8], _: &ValueCx<'_>) -> Result<Self, ValueError> {
        Ok(Self(word.into()))
    }

    fn save(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    fn sample(rng: &mut Rng, _: &ValueCx<'_>) -> Vec<u8> {
        let k = rng.within(0, u64::from(u32::MAX));
        format!("\"2,32 0 0 {k},6 0 0 {}\"", rng.within(0, 65535)).into_bytes()
    }
}

const fn own(sentence: &'static str) -> ArgError {
    ArgError::own("bpf", sentence)
}

/// COMPAT: upstream reads each number as far as it goes and cuts it to its field (`6 256 0 1x` is
/// `6 0 0 1`); here such an instruction is refused in the same words.
fn instruction(text: &[u8]) -> Option<Instruction> {
    let mut numbers = text.split(u8::is_ascii_whitespace).filter(|part| !part.is_empty());
    let mut next = |max: u32| {
        let n = number::parse_decimal(numbers.next()?)?;
        u32::try_from(n).ok().filter(|&n| n <= max)
    };
    let (code, jt, jf, k) = (next(0xffff)?, next(0xff)?, next(0xff)?, next(u32::MAX)?);
    let narrow = |n: u32| u8::try_from(n).ok();
    let made = Instruction { code: u16::try_from(code).ok()?, jt: narrow(jt)?, jf: narrow(jf)?, k };
    numbers.next().is_none().then_some(made)
}

fn program(text: &[u8]) -> Result<Box<[Instruction]>, ArgError> {
    let mut parts = text.split(|&c| c == b',');
    let length = parts.next().and_then(number::parse_decimal);
    let length = length.filter(|_| text.contains(&b','));
    let length = length.ok_or(own("bpf: error parsing program length"))?;
    if length == 0 {
        return Err(own("bpf: illegal zero length program"));
    }
    let length = usize::try_from(length).ok().filter(|&n| n <= MAX);
    let length = length.ok_or(own("bpf: number of instructions exceeds maximum"))?;
    let body: Vec<&[u8]> = parts.collect();
    // One comma may stand behind the last instruction.
    let body = match body.split_last() {
        Some((last, before)) if last.trim_ascii().is_empty() => before,
        _ => &body,
    };
    if body.len() > length {
        return Err(own("bpf: real program length exceeds the encoded length parameter"));
    }
    let read = |(i, part): (usize, &&[u8])| {
        let word = i.to_string().into_bytes();
        instruction(part).ok_or(ArgError { word, ..own("bpf: error at instr %") })
    };
    let made: Box<[Instruction]> = body.iter().enumerate().map(read).collect::<Result<_, _>>()?;
    if made.len() < length {
        let less = "bpf: parsed program length is less than the encoded length parameter";
        return Err(own(less));
    }
    Ok(made)
}

/// Appends `code jt jf k,...`.
fn push_program(out: &mut Vec<u8>, program: &[Instruction]) {
    let mut separator = &b""[..];
    for &Instruction { code, jt, jf, k } in program {
        out.extend_from_slice(separator);
        separator = b",";
        out.extend_from_slice(format!("{code} {jt} {jf} {k}").as_bytes());
    }
}

impl Extension for Bpf {
    const SPEC: Spec = Spec {
        options: &[BYTECODE.def(), PINNED.def()],
        revisions: &[
            Revision::new(1, 528).private_from(520),
            Revision::new(0, 528).private_from(520),
        ],
        doc: "matches what a program of the Berkeley packet filter says yes to",
        cases: &[
            ("--bytecode \"1,6 0 0 65535\"", Some("--bytecode \"1,6 0 0 65535\"")),
            ("--bytecode \"2, 48 0  0 9,6 0 0 1,\"", Some("--bytecode \"2,48 0 0 9,6 0 0 1\"")),
            ("--object-pinned /sys/fs/bpf/x", Some("--object-pinned /sys/fs/bpf/x")),
            ("--bytecode \"2,6 0 0 1\"", None),
            ("--bytecode \"1,6 0 0 1,6 0 0 1\"", None),
            ("--bytecode \"1,6 256 0 1\"", None),
            ("--bytecode \"65,6 0 0 1\"", None),
            ("--bytecode 0,", None),
            ("--bytecode 1", None),
            ("", None),
        ],
        ..Spec::named("bpf")
    };

    fn parse(args: &Args<'_>, cx: &ParseCx<'_>) -> Result<Self, ArgError> {
        if let Some(path) = args.get(&PINNED, cx)? {
            return Ok(Self::Pinned(path, Unseen(0)));
        }
        let none = own("bpf: one of --bytecode or --pinned is required");
        let source = args.get(&BYTECODE, cx)?.ok_or(none)?;
        program(&source.0).map(Self::Program)
    }

    fn save(&self, w: &mut ArgWriter<'_>) {
        match self {
            Self::Program(program) => {
                w.name(false, BYTECODE.def().name);
                let out = w.bytes();
                out.extend_from_slice(format!(" \"{},", program.len()).as_bytes());
                push_program(out, program);
                out.push(b'"');
            }
            Self::Pinned(path, _) => w.opt(&PINNED, path),
        }
    }

    /// COMPAT: upstream puts no blank before these words and a NUL behind them.
    fn list(&self, w: &mut ListWriter<'_>) {
        w.word("match bpf ");
        match self {
            Self::Program(program) => push_program(w.bytes(), program),
            Self::Pinned(path, _) => {
                oxtables_base::text::push_visible(w.raw("pinned ").bytes(), path.bytes());
            }
        }
    }

    fn encode(&self, rev: u8, _family: Family, out: &mut Vec<u8>) {
        let mut place = Vec::with_capacity(ROOM);
        let (mode, len, fd) = match self {
            Self::Program(program) => {
                for &Instruction { code, jt, jf, k } in program {
                    abi::push(&mut place, SockFilter { code, jt, jf, k });
                }
                (MODE_BYTECODE, u16::try_from(program.len()).unwrap_or(0), 0)
            }
            Self::Pinned(path, Unseen(fd)) => {
                place.extend_from_slice(path.bytes());
                (MODE_PINNED, 0, *fd)
            }
        };
        place.resize(ROOM, 0);
        match (rev, mode) {
            (0, MODE_BYTECODE) => {
                abi::push(out, XtBpfInfoHead { len, hole: 0 });
                out.extend_from_slice(&place);
                out.extend_from_slice(&[0; 12]);
            }
            (0, _) => (),
            _ => {
                abi::push(out, XtBpfInfoV1Head { mode, len, fd });
                out.extend_from_slice(&place);
                out.extend_from_slice(&[0; 8]);
            }
        }
    }

    fn decode(rev: u8, _cx: &DecodeCx<'_>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let (mode, len, fd, at) = if rev == 0 {
            let head: XtBpfInfoHead = abi::read(bytes)?;
            (MODE_BYTECODE, head.len, 0, 4)
        } else {
            let head: XtBpfInfoV1Head = abi::read(bytes)?;
            (head.mode, head.len, head.fd, 8)
        };
        let place = bytes.get(at..at + ROOM).ok_or(DecodeError::Length)?;
        let len = usize::from(len);
        match mode {
            MODE_BYTECODE if (1..=MAX).contains(&len) => {
                let read = |raw: &[u8]| {
                    let SockFilter { code, jt, jf, k } = abi::read(raw)?;
                    Ok(Instruction { code, jt, jf, k })
                };
                place.chunks(8).take(len).map(read).collect::<Result<_, _>>().map(Self::Program)
            }
            MODE_PINNED => {
                let path = Name::new(abi::c_text(place)).ok_or(DecodeError::Unknown)?;
                Ok(Self::Pinned(path, Unseen(fd)))
            }
            _ => Err(DecodeError::Unknown),
        }
    }

    /// A pinned program can keep account of what it sees.
    fn view(&self) -> View {
        View::Opaque(match self {
            Self::Program(_) => Class::Context,
            Self::Pinned(..) => Class::Barrier,
        })
    }
}

impl Match for Bpf {
    fn test(&self, packet: &Packet, _cx: &Context) -> Truth {
        match self {
            Self::Program(program) => match machine::run(program, packet) {
                Ok(answer) => (answer != 0).into(),
                Err(why) => Truth::Unknown(why),
            },
            Self::Pinned(..) => Truth::Unknown("the pinned program is not known"),
        }
    }
}

abi! {
    /// `struct sock_filter` (linux/filter.h).
    struct SockFilter[8] { code: u16 = 0, jt: u8 = 2, jf: u8 = 3, k: u32 = 4 }
}

abi! {
    /// The beginning of `struct xt_bpf_info` (linux/netfilter/xt_bpf.h).
    struct XtBpfInfoHead[4] { len: u16 = 0, hole: u16 = 2 }
}

abi! {
    /// The beginning of `struct xt_bpf_info_v1`.
    struct XtBpfInfoV1Head[8] { mode: u16 = 0, len: u16 = 2, fd: i32 = 4 }
}
