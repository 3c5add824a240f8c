//! The classic BPF machine, as the kernel runs it on a packet at a hook (kernel
//! `net/core/filter.c`, `Documentation/networking/filter.rst`).

use oxtables_packet::{Missing, Packet};

/// One instruction, `struct sock_filter`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Instruction {
    /// Class, size, mode, operation, source.
    pub code: u16,
    /// Instructions left out when a jump's condition holds.
    pub jt: u8,
    /// Instructions left out when it does not.
    pub jf: u8,
    /// The constant.
    pub k: u32,
}

/// From here on, offsets are questions to the kernel (`SKF_AD_OFF`, linux/filter.h).
const ANCILLARY: u32 = 0xffff_f000;
/// Offsets from the network header (`SKF_NET_OFF`), which here is the start of the packet.
const NETWORK: u32 = 0xfff0_0000;

const NOT_RUN: &str = "the program asks what only the kernel knows";
const NOT_CAPTURED: &str = "the capture does not have these bytes of the packet";

/// Why an instruction does not lead to the next.
enum Stop {
    /// The program's answer.
    Answer(u32),
    /// It cannot be told.
    Unknown(&'static str),
}

/// Accumulator, index and memory.
struct Machine<'a> {
    packet: &'a Packet,
    a: u32,
    x: u32,
    memory: [u32; 16],
}

/// The program's answer: zero is no.
///
/// # Errors
/// What it asked that is not known.
pub(super) fn run(program: &[Instruction], packet: &Packet) -> Result<u32, &'static str> {
    let mut machine = Machine { packet, a: 0, x: 0, memory: [0; 16] };
    let mut at = 0;
    // Jumps only go forward, so the end is reached.
    loop {
        let Some(&instruction) = program.get(at) else { return Err(NOT_RUN) };
        match machine.step(instruction) {
            Ok(skip) => at += 1 + skip,
            Err(Stop::Answer(answer)) => return Ok(answer),
            Err(Stop::Unknown(why)) => return Err(why),
        }
    }
}

impl Machine<'_> {
    /// Does one instruction, and says how many after it are left out.
    fn step(&mut self, i: Instruction) -> Result<usize, Stop> {
        match i.code & 7 {
            0 => self.a = self.load(i)?,
            1 => self.x = self.load_index(i)?,
            2 => *self.cell(i.k)? = self.a,
            3 => *self.cell(i.k)? = self.x,
            4 => self.a = self.compute(i)?,
            5 => return self.jump(i),
            6 => return Err(self.answer(i)),
            _ => match i.code & 0xf8 {
                0 => self.x = self.a,
                0x80 => self.a = self.x,
                _ => return Err(Stop::Unknown(NOT_RUN)),
            },
        }
        Ok(0)
    }

    fn cell(&mut self, k: u32) -> Result<&mut u32, Stop> {
        let at = usize::try_from(k).unwrap_or(usize::MAX);
        self.memory.get_mut(at).ok_or(Stop::Unknown(NOT_RUN))
    }

    /// Bytes of the packet as a number. Beyond its end the program answers no.
    fn bytes(&self, offset: u32, len: usize) -> Result<u32, Stop> {
        let offset = match offset {
            ANCILLARY.. => return Err(Stop::Unknown(NOT_RUN)),
            NETWORK.. => offset - NETWORK,
            // The rest of the negative offsets counts from the link layer.
            0x8000_0000.. => return Err(Stop::Unknown(NOT_RUN)),
            _ => offset,
        };
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        match self.packet.bytes_at(at, len) {
            Ok(bytes) => Ok(bytes.iter().fold(0, |n, &b| n << 8 | u32::from(b))),
            Err(Missing::NotCaptured) => Err(Stop::Unknown(NOT_CAPTURED)),
            Err(_) => Err(Stop::Answer(0)),
        }
    }

    fn length(&self) -> u32 {
        u32::try_from(self.packet.total_len()).unwrap_or(u32::MAX)
    }

    fn load(&mut self, i: Instruction) -> Result<u32, Stop> {
        let size = match i.code & 0x18 {
            0 => 4,
            0x08 => 2,
            0x10 => 1,
            _ => return Err(Stop::Unknown(NOT_RUN)),
        };
        match i.code & 0xe0 {
            0x00 => Ok(i.k),
            0x20 => self.bytes(i.k, size),
            0x40 => self.bytes(i.k.wrapping_add(self.x), size),
            0x60 => self.cell(i.k).copied(),
            0x80 => Ok(self.length()),
            _ => Err(Stop::Unknown(NOT_RUN)),
        }
    }

    fn load_index(&mut self, i: Instruction) -> Result<u32, Stop> {
        match i.code & 0xe0 {
            0x00 => Ok(i.k),
            0x60 => self.cell(i.k).copied(),
            0x80 => Ok(self.length()),
            // The length of an IPv4 header.
            0xa0 => self.bytes(i.k, 1).map(|byte| (byte & 0xf) * 4),
            _ => Err(Stop::Unknown(NOT_RUN)),
        }
    }

    fn operand(&self, i: Instruction) -> u32 {
        if i.code & 8 == 0 { i.k } else { self.x }
    }

    fn compute(&self, i: Instruction) -> Result<u32, Stop> {
        let (a, b) = (self.a, self.operand(i));
        Ok(match i.code & 0xf0 {
            0x00 => a.wrapping_add(b),
            0x10 => a.wrapping_sub(b),
            0x20 => a.wrapping_mul(b),
            // To divide by zero is to answer no.
            0x30 => a.checked_div(b).ok_or(Stop::Answer(0))?,
            0x40 => a | b,
            0x50 => a & b,
            0x60 => a.wrapping_shl(b),
            0x70 => a.wrapping_shr(b),
            0x80 => a.wrapping_neg(),
            0x90 => a.checked_rem(b).ok_or(Stop::Answer(0))?,
            0xa0 => a ^ b,
            _ => return Err(Stop::Unknown(NOT_RUN)),
        })
    }

    fn jump(&self, i: Instruction) -> Result<usize, Stop> {
        let (a, b) = (self.a, self.operand(i));
        let holds = match i.code & 0xf0 {
            0x00 => return usize::try_from(i.k).map_err(|_| Stop::Unknown(NOT_RUN)),
            0x10 => a == b,
            0x20 => a > b,
            0x30 => a >= b,
            0x40 => a & b != 0,
            _ => return Err(Stop::Unknown(NOT_RUN)),
        };
        Ok(usize::from(if holds { i.jt } else { i.jf }))
    }

    fn answer(&self, i: Instruction) -> Stop {
        match i.code & 0x18 {
            0x00 => Stop::Answer(i.k),
            0x08 => Stop::Answer(self.x),
            0x10 => Stop::Answer(self.a),
            _ => Stop::Unknown(NOT_RUN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str, packet: &[u8]) -> Result<u32, &'static str> {
        let program = super::super::program(text.as_bytes()).unwrap();
        run(&program, &Packet::parse(packet).unwrap())
    }

    /// A UDP datagram from port 53 to port 1000, with an IPv4 header of 24 bytes.
    const UDP: &[u8] = &[
        0x46, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 1, 1, 1, 1, 0, 53, 3,
        0xe8, 0, 8, 0, 0,
    ];

    #[test]
    fn programs_read_the_packet_from_its_ip_header_on() {
        // ip proto 17
        let udp = "4,48 0 0 9,21 0 1 17,6 0 0 1,6 0 0 0";
        assert_eq!(answer(udp, UDP), Ok(1));
        assert_eq!(answer("4,48 0 0 9,21 0 1 6,6 0 0 1,6 0 0 0", UDP), Ok(0));
        // ldxb 4*([0]&0xf); ldh [x + 2]; ret a
        assert_eq!(answer("3,177 0 0 0,72 0 0 2,22 0 0 0", UDP), Ok(1000));
        // the same by SKF_NET_OFF
        assert_eq!(answer("2,48 0 0 4293918729,22 0 0 0", UDP), Ok(17));
        // ld len; ret a
        assert_eq!(answer("2,128 0 0 0,22 0 0 0", UDP), Ok(32));
        // beyond the end the answer is no, whatever comes after
        assert_eq!(answer("2,32 0 0 29,6 0 0 1", UDP), Ok(0));
        // the incoming interface is the kernel's to know (SKF_AD_IFINDEX)
        assert_eq!(answer("2,32 0 0 4294963208,6 0 0 1", UDP), Err(NOT_RUN));
    }

    #[test]
    fn arithmetic_memory_and_jumps() {
        // ld #7; st M[3]; ldx M[3]; mul x; sub #9; mod #16; ret a: (49 - 9) % 16
        let sum = "7,0 0 0 7,2 0 0 3,97 0 0 3,44 0 0 0,20 0 0 9,148 0 0 16,22 0 0 0";
        assert_eq!(answer(sum, UDP), Ok(8));
        // div x with x = 0
        assert_eq!(answer("3,0 0 0 5,60 0 0 0,6 0 0 1", UDP), Ok(0));
        // ja +1 over a refusal
        assert_eq!(answer("3,5 0 0 1,6 0 0 0,6 0 0 2", UDP), Ok(2));
    }
}
