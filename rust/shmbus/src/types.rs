//! Texts, sequences and other members of values, of a size that is known when compiling.
use crate::error::{Error, Result};
use crate::value::{put, Value};
use std::borrow::Cow;
use std::fmt;
use std::mem::{size_of, MaybeUninit};
use std::str::Utf8Error;
use std::time::{Duration, SystemTime};

/// Text of at most `N` bytes: `String<N>` of C++. What a peer wrote need not be UTF-8.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Str<const N: usize> {
    size: u32,
    bytes: [u8; N],
}

impl<const N: usize> Str<N> {
    /// Of a literal. Panics when it does not fit; in a constant it does not compile then.
    pub const fn new(text: &str) -> Str<N> {
        let from = text.as_bytes();
        assert!(from.len() <= N, "this text is longer than its Str<N>");
        let mut made = Str { size: from.len() as u32, bytes: [0; N] };
        let mut at = 0;
        while at < from.len() {
            made.bytes[at] = from[at];
            at += 1;
        }
        made
    }
    /// As much of the text as fits, cut between two characters.
    pub fn truncate(text: &str) -> Str<N> {
        let end = (0..=text.len().min(N)).rev().find(|at| text.is_char_boundary(*at));
        Str::new(&text[..end.unwrap_or(0)])
    }
    /// At most `N` bytes, whatever a peer wrote.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..(self.size as usize).min(N)]
    }
    /// The text, if it is UTF-8.
    pub fn to_str(&self) -> std::result::Result<&str, Utf8Error> {
        std::str::from_utf8(self.as_bytes())
    }
    /// The text, with U+FFFD for what is no UTF-8.
    pub fn to_string_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.as_bytes())
    }
}

impl<const N: usize> TryFrom<&str> for Str<N> {
    type Error = Error;
    fn try_from(text: &str) -> Result<Str<N>> {
        if text.len() <= N {
            return Ok(Str::new(text));
        }
        let what = format!("a text of {} bytes does not fit Str<{N}>", text.len());
        Err(Error::too_large(text.len(), what))
    }
}

impl<const N: usize> Default for Str<N> {
    fn default() -> Str<N> {
        Str::new("")
    }
}

impl<const N: usize> fmt::Display for Str<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.to_string_lossy(), f)
    }
}

impl<const N: usize> fmt::Debug for Str<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string_lossy(), f)
    }
}

impl<const N: usize> PartialEq for Str<N> {
    fn eq(&self, other: &Str<N>) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl<const N: usize> Eq for Str<N> {}

impl<const N: usize> PartialEq<str> for Str<N> {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl<const N: usize> PartialEq<&str> for Str<N> {
    fn eq(&self, other: &&str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

unsafe impl<const N: usize> Value for Str<N> {
    fn write_schema(out: &mut String) {
        put(out, format_args!("str{N}"));
    }
    unsafe fn init(at: *mut Self) {
        at.cast::<u8>().write_bytes(0, size_of::<Self>());
    }
    unsafe fn bad(_: *const Self) -> Option<&'static str> {
        None // the size is cut when it is read
    }
}

/// At most `N` elements: `Vector<T, N>` of C++.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Vector<T: Value, const N: usize> {
    size: u32,
    items: [MaybeUninit<T>; N],
}

impl<T: Value, const N: usize> Vector<T, N> {
    /// The elements, at most `N`.
    pub fn as_slice(&self) -> &[T] {
        let size = (self.size as usize).min(N);
        // So many were written, or checked by `bad`.
        unsafe { std::slice::from_raw_parts(self.items.as_ptr().cast(), size) }
    }
    /// Appends one; false when it is full.
    pub fn push(&mut self, item: T) -> bool {
        let at = (self.size as usize).min(N);
        if let Some(place) = self.items.get_mut(at) {
            place.write(item);
            self.size = at as u32 + 1;
        }
        at < N
    }
}

impl<T: Value, const N: usize> std::ops::Deref for Vector<T, N> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        self.as_slice()
    }
}

impl<T: Value, const N: usize> Default for Vector<T, N> {
    fn default() -> Self {
        crate::value::empty()
    }
}

impl<T: Value, const N: usize> TryFrom<&[T]> for Vector<T, N> {
    type Error = Error;
    fn try_from(from: &[T]) -> Result<Self> {
        if from.len() > N {
            let what = format!("{} elements do not fit Vector<.., {N}>", from.len());
            return Err(Error::too_large(std::mem::size_of_val(from), what));
        }
        let mut made = Self::default();
        for one in from {
            made.push(*one);
        }
        Ok(made)
    }
}

impl<T: Value + fmt::Debug, const N: usize> fmt::Debug for Vector<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_slice(), f)
    }
}

impl<T: Value + PartialEq, const N: usize> PartialEq for Vector<T, N> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

unsafe impl<T: Value, const N: usize> Value for Vector<T, N> {
    const TAIL: bool = T::TAIL;
    fn write_schema(out: &mut String) {
        put(out, format_args!("vec{N}<"));
        T::write_schema(out);
        out.push('>');
    }
    unsafe fn init(at: *mut Self) {
        at.cast::<u8>().write_bytes(0, size_of::<Self>());
    }
    unsafe fn bad(at: *const Self) -> Option<&'static str> {
        let held = &*at; // its members may hold any bytes
        held.items[..(held.size as usize).min(N)].iter().find_map(|one| T::bad(one.as_ptr()))
    }
}

/// A value or none: `Optional<T>` of C++. One at the end of a type may be added later.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
pub struct Opt<T: Value> {
    value: MaybeUninit<T>,
    has: u8,
}

impl<T: Value> Opt<T> {
    /// As Rust has it.
    pub fn get(&self) -> Option<T> {
        // Checked by `bad`, or written.
        (self.has != 0).then(|| unsafe { self.value.assume_init() })
    }
}

impl<T: Value> From<Option<T>> for Opt<T> {
    fn from(from: Option<T>) -> Opt<T> {
        let value = from.map_or(MaybeUninit::zeroed(), MaybeUninit::new);
        Opt { value, has: from.is_some() as u8 }
    }
}

impl<T: Value> From<T> for Opt<T> {
    fn from(value: T) -> Opt<T> {
        Some(value).into()
    }
}

impl<T: Value> Default for Opt<T> {
    fn default() -> Opt<T> {
        None.into()
    }
}

impl<T: Value + fmt::Debug> fmt::Debug for Opt<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.get(), f)
    }
}

impl<T: Value + PartialEq> PartialEq for Opt<T> {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

unsafe impl<T: Value> Value for Opt<T> {
    const TAIL: bool = T::TAIL;
    const OPTIONAL: bool = true;
    fn write_schema(out: &mut String) {
        out.push_str("opt<");
        T::write_schema(out);
        out.push('>');
    }
    unsafe fn init(at: *mut Self) {
        at.cast::<u8>().write_bytes(0, size_of::<Self>());
    }
    unsafe fn bad(at: *const Self) -> Option<&'static str> {
        ((*at).has != 0).then(|| T::bad((*at).value.as_ptr())).flatten()
    }
}

/// Types that are one of another, with a word of their own in a schema.
macro_rules! wrappers {
    ($($(#[$meta:meta])* $name:ident($inside:ty) = $text:literal, $derived:ident);* $(;)?) => {
        $($(#[$meta])*
        #[repr(transparent)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, $derived)]
        pub struct $name(pub $inside);

        unsafe impl Value for $name {
            fn write_schema(out: &mut String) {
                out.push_str($text);
            }
            unsafe fn init(at: *mut Self) {
                <$inside as Value>::init(at.cast());
            }
            unsafe fn bad(at: *const Self) -> Option<&'static str> {
                <$inside as Value>::bad(at.cast())
            }
        })*
    };
}

wrappers! {
    /// `char` of C++.
    Char(u8) = "char", Hash;
    /// A UUID, in the order of its text.
    Uuid([u8; 16]) = "uuid", Hash;
    /// Nanoseconds since 1970 in UTC, leap seconds not counted.
    Timestamp(i64) = "time", Hash;
    /// An address of at most 254 bytes. Nothing checks its shape here.
    Email(Str<254>) = "email", Default;
}

impl From<SystemTime> for Timestamp {
    /// The nearest there is, for moments before 1678 or after 2261.
    fn from(time: SystemTime) -> Timestamp {
        let ns = |since: Duration| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX);
        match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => Timestamp(ns(since)),
            Err(before) => Timestamp(-ns(before.duration())),
        }
    }
}

impl From<Timestamp> for SystemTime {
    fn from(time: Timestamp) -> SystemTime {
        let distance = Duration::from_nanos(time.0.unsigned_abs());
        match time.0 {
            0.. => SystemTime::UNIX_EPOCH + distance,
            _ => SystemTime::UNIX_EPOCH - distance,
        }
    }
}

/// `N` bytes that a schema does not take apart.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raw<const N: usize>(pub [u8; N]);

unsafe impl<const N: usize> Value for Raw<N> {
    fn write_schema(out: &mut String) {
        put(out, format_args!("raw{N}/1"));
    }
    unsafe fn init(at: *mut Self) {
        at.cast::<u8>().write_bytes(0, N);
    }
    unsafe fn bad(_: *const Self) -> Option<&'static str> {
        None
    }
}
