//! What may travel: values with the layout that C++ gives them, and their schemas.
use crate::error::{Error, ErrorKind, Result};
use std::mem::{align_of, size_of, MaybeUninit};

/// A member of a struct, where C++ has it too.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Part {
    pub offset: usize,
    pub size: usize,
    pub align: usize,
    pub optional: bool,
}

/// A value that lies in a message as it lies in memory. Numbers, `bool`, arrays, and the types of
/// this crate are values; `schema!` makes structs and enumerations of them.
///
/// # Safety
/// The layout is that of the C++ type of the same schema, with no pointers, and `bad` finds every
/// pattern of bits that is none of its values.
pub unsafe trait Value: Copy + 'static {
    /// Some of it lies behind it, in the same message.
    const TAIL: bool = false;
    #[doc(hidden)]
    const OPTIONAL: bool = false;
    /// It has members.
    #[doc(hidden)]
    const STRUCT: bool = false;

    /// Appends the text of its type.
    fn write_schema(out: &mut String);

    /// Makes a default value there: zeros, empty texts, the first enumerator.
    ///
    /// # Safety
    /// `at` is aligned memory for a value; it need not hold one yet.
    #[doc(hidden)]
    unsafe fn init(at: *mut Self);

    /// The member that is no value of its type.
    ///
    /// # Safety
    /// `at` is aligned memory of its size in which every byte was written.
    #[doc(hidden)]
    unsafe fn bad(at: *const Self) -> Option<&'static str>;

    #[doc(hidden)]
    fn parts() -> Vec<Part> {
        Vec::new()
    }
}

/// A default value.
pub(crate) fn empty<T: Value>() -> T {
    let mut made = MaybeUninit::zeroed();
    unsafe {
        T::init(made.as_mut_ptr());
        made.assume_init()
    }
}

/// The text of a type, as `shmbus describe` shows it.
pub fn schema_of<T: Value>() -> String {
    let mut out = String::new();
    T::write_schema(&mut out);
    out
}

/// Can a `T` be had from a message of so many bytes? Optional members at the end may be missing,
/// and a later version may have more of them.
pub(crate) fn fits<T: Value>(bytes: usize) -> bool {
    if bytes == size_of::<T>() || T::TAIL {
        return bytes >= size_of::<T>();
    }
    let later = bytes % 8 == 0 && bytes >= (size_of::<T>() + 7) / 8 * 8 + 8;
    T::STRUCT && (later || earlier_sizes::<T>().contains(&bytes))
}

/// Sizes of the versions without the last 1, 2, ... of its optional members.
pub(crate) fn earlier_sizes<T: Value>() -> Vec<usize> {
    let parts = if T::TAIL { Vec::new() } else { T::parts() };
    let optionals = parts.iter().rev().take_while(|one| one.optional).count();
    let size_without = |missing: usize| {
        let known = &parts[..parts.len() - missing];
        let last = known[known.len() - 1];
        let unit = known.iter().map(|one| one.align).max().unwrap_or(1);
        (last.offset + last.size + unit - 1) / unit * unit
    };
    (1..=optionals.min(parts.len().saturating_sub(1))).map(size_without).collect()
}

const TWO_CELLS: usize = 104;

/// Room for a reply and, if it can grow, for what a later version may send in the same cells.
pub(crate) const fn room_for<T: Value>() -> usize {
    let size = size_of::<T>();
    let cells = if size <= 48 { 48 } else { TWO_CELLS };
    if T::STRUCT && size < cells {
        cells
    } else {
        size
    }
}

/// Memory for that.
#[repr(C)]
pub(crate) union Room<T: Value> {
    value: MaybeUninit<T>,
    later: [MaybeUninit<u64>; TWO_CELLS / 8],
}

/// A private copy of the value that a message begins with, checked.
#[inline]
pub(crate) fn read<T: Value>(message: &[u8], what: &str) -> Result<T> {
    let mut made = MaybeUninit::<T>::zeroed();
    if message.len() != size_of::<T>() && !fits::<T>(message.len()) {
        return Err(mismatch::<T>(message.len(), what));
    }
    let bytes = message.len().min(size_of::<T>());
    unsafe {
        std::ptr::copy_nonoverlapping(message.as_ptr(), made.as_mut_ptr().cast(), bytes);
        checked(made, what)
    }
}

/// # Safety
/// Every byte of it was written.
#[inline]
pub(crate) unsafe fn checked<T: Value>(made: MaybeUninit<T>, what: &str) -> Result<T> {
    match T::bad(made.as_ptr()) {
        None => Ok(made.assume_init()),
        Some(member) => Err(invalid(member, what)),
    }
}

#[cold]
pub(crate) fn mismatch<T: Value>(bytes: usize, what: &str) -> Error {
    let text = format!("the {what} has {bytes} bytes, its type has {}", size_of::<T>());
    Error::new(ErrorKind::TypeMismatch, text)
}

#[cold]
fn invalid(member: &str, what: &str) -> Error {
    let text = format!("'{member}' of the {what} holds no value of its type");
    Error::new(ErrorKind::Corrupted, text)
}

/// The bytes of a value, as they are sent. Padding may be among them: it is only handed to C.
pub(crate) fn bytes_of<T: Value>(value: &T) -> (*const u8, usize) {
    (value as *const T as *const u8, size_of::<T>())
}

macro_rules! numbers {
    ($($type:ty => $text:literal),*) => {
        $(unsafe impl Value for $type {
            fn write_schema(out: &mut String) {
                out.push_str($text);
            }
            #[inline]
            unsafe fn init(at: *mut Self) {
                at.write(0 as $type);
            }
            #[inline]
            unsafe fn bad(_: *const Self) -> Option<&'static str> {
                None
            }
        })*
    };
}
numbers!(u8 => "u8", u16 => "u16", u32 => "u32", u64 => "u64", i8 => "i8", i16 => "i16",
         i32 => "i32", i64 => "i64", f32 => "f32", f64 => "f64");

unsafe impl Value for bool {
    fn write_schema(out: &mut String) {
        out.push_str("bool");
    }
    unsafe fn init(at: *mut Self) {
        at.write(false);
    }
    #[inline]
    unsafe fn bad(at: *const Self) -> Option<&'static str> {
        (*at.cast::<u8>() > 1).then_some("bool")
    }
}

/// No bytes.
unsafe impl Value for () {
    fn write_schema(out: &mut String) {
        out.push_str("none");
    }
    unsafe fn init(_: *mut Self) {}
    unsafe fn bad(_: *const Self) -> Option<&'static str> {
        None
    }
}

unsafe impl<T: Value, const N: usize> Value for [T; N] {
    const TAIL: bool = T::TAIL;
    fn write_schema(out: &mut String) {
        put(out, format_args!("arr{N}<"));
        T::write_schema(out);
        out.push('>');
    }
    unsafe fn init(at: *mut Self) {
        (0..N).for_each(|i| T::init(at.cast::<T>().add(i)));
    }
    unsafe fn bad(at: *const Self) -> Option<&'static str> {
        (0..N).find_map(|i| T::bad(at.cast::<T>().add(i)))
    }
}

/// Appends text.
#[doc(hidden)]
pub fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = std::fmt::Write::write_fmt(out, text); // a String takes all of it
}

#[doc(hidden)]
pub fn part<T: Value>(offset: usize) -> Part {
    Part { offset, size: size_of::<T>(), align: align_of::<T>(), optional: T::OPTIONAL }
}
