//! Members of any length, which lie behind their struct in the same message.
use crate::error::Result;
use crate::value::Value;
use std::marker::PhantomData;
use std::mem::{align_of, size_of, MaybeUninit};

/// Text of any length: where it lies in its message.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Text {
    at: u32,
    size: u32,
}

/// Elements of any number: where they lie in their message. `Array<T>` of C++.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seq<T: Value> {
    at: u32,
    count: u32,
    of: PhantomData<T>,
}

impl Text {
    /// Its bytes in the message; empty when it leads out of it.
    pub fn bytes<'m>(&self, message: &'m [u8]) -> &'m [u8] {
        part(message, self.at, self.size as usize)
    }
    /// The text, with U+FFFD for what is no UTF-8.
    pub fn read(&self, message: &[u8]) -> String {
        String::from_utf8_lossy(self.bytes(message)).into_owned()
    }
}

impl<T: Value> Seq<T> {
    /// Its elements in the message, copied and checked; none when it leads out of it.
    pub fn read(&self, message: &[u8]) -> Result<Vec<T>> {
        let bytes = (self.count as usize).saturating_mul(size_of::<T>());
        let bytes = part(message, self.at, bytes);
        bytes.chunks_exact(size_of::<T>().max(1)).map(copied).collect()
    }
}

fn copied<T: Value>(bytes: &[u8]) -> Result<T> {
    let mut made = MaybeUninit::<T>::zeroed();
    unsafe {
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), made.as_mut_ptr().cast(), size_of::<T>());
        crate::value::checked(made, "message")
    }
}

fn part(message: &[u8], at: u32, size: usize) -> &[u8] {
    let at = at as usize;
    at.checked_add(size).and_then(|end| message.get(at..end)).unwrap_or(&[])
}

impl<T: Value> Default for Seq<T> {
    fn default() -> Seq<T> {
        Seq { at: 0, count: 0, of: PhantomData }
    }
}

unsafe impl Value for Text {
    const TAIL: bool = true;
    fn write_schema(out: &mut String) {
        out.push_str("text");
    }
    unsafe fn init(at: *mut Self) {
        at.write(Text::default());
    }
    unsafe fn bad(_: *const Self) -> Option<&'static str> {
        None
    }
}

unsafe impl<T: Value> Value for Seq<T> {
    const TAIL: bool = true;
    fn write_schema(out: &mut String) {
        out.push_str("list<");
        T::write_schema(out);
        out.push('>');
    }
    unsafe fn init(at: *mut Self) {
        at.write(Seq::default());
    }
    unsafe fn bad(_: *const Self) -> Option<&'static str> {
        None
    }
}

/// A message that grows: a value, and what its `Text` and `Seq` members name behind it.
///
///     # use shmbus::{schema, Message, Text};
///     # schema! { struct Note { id: u64, body: Text } }
///     let mut message = Message::<Note>::new();
///     let body = message.text("any length");
///     let note = message.finish(Note { id: 7, body });
///     # let _ = note;
pub struct Message<T: Value> {
    bytes: Vec<u8>,
    of: PhantomData<T>,
}

impl<T: Value> Default for Message<T> {
    fn default() -> Message<T> {
        Message { bytes: vec![0; size_of::<T>()], of: PhantomData }
    }
}

impl<T: Value> Message<T> {
    /// An empty one.
    pub fn new() -> Message<T> {
        Message::default()
    }
    /// Places a text behind the value.
    pub fn text(&mut self, text: &str) -> Text {
        let made = Text { at: self.bytes.len() as u32, size: text.len() as u32 };
        self.bytes.extend_from_slice(text.as_bytes());
        made
    }
    /// Places elements behind the value.
    pub fn seq<I: Value>(&mut self, items: &[I]) -> Seq<I> {
        let unit = align_of::<I>();
        self.bytes.resize((self.bytes.len() + unit - 1) / unit * unit, 0);
        let made = Seq { at: self.bytes.len() as u32, count: items.len() as u32, of: PhantomData };
        let size = std::mem::size_of_val(items);
        let end = self.bytes.len();
        self.bytes.resize(end + size, 0);
        unsafe {
            let to = self.bytes.as_mut_ptr().add(end);
            std::ptr::copy_nonoverlapping(items.as_ptr().cast(), to, size);
        }
        made
    }
    /// The bytes of the message.
    pub fn finish(mut self, value: T) -> Finished<T> {
        let (from, size) = crate::value::bytes_of(&value);
        unsafe { std::ptr::copy_nonoverlapping(from, self.bytes.as_mut_ptr(), size) };
        Finished { bytes: self.bytes, of: PhantomData }
    }
}

/// A message of a type whose `Text` and `Seq` members have been placed.
pub struct Finished<T: Value> {
    pub(crate) bytes: Vec<u8>,
    of: PhantomData<T>,
}

/// A value that came as a message; its `Text` and `Seq` members are read with it.
#[derive(Clone, Debug)]
pub struct Received<T: Value> {
    value: T,
    bytes: Vec<u8>,
}

impl<T: Value> Received<T> {
    pub(crate) fn new(bytes: &[u8], what: &str) -> Result<Received<T>> {
        Ok(Received { value: crate::value::read(bytes, what)?, bytes: bytes.to_vec() })
    }
    /// All of it: what `Text` and `Seq` are read with.
    pub fn message(&self) -> &[u8] {
        &self.bytes
    }
    /// The text that a member names.
    pub fn text(&self, member: impl Fn(&T) -> Text) -> String {
        member(&self.value).read(&self.bytes)
    }
    /// The elements that a member names.
    pub fn seq<I: Value>(&self, member: impl Fn(&T) -> Seq<I>) -> Result<Vec<I>> {
        member(&self.value).read(&self.bytes)
    }
}

impl<T: Value> std::ops::Deref for Received<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}
