//! Macros that declare values, commands and events.

/// Declares structs and enumerations that may travel: with the layout of C++, a schema, and a
/// default value. A member or enumerator may have another name on the bus: `kind as "type": u8`.
///
///     shmbus::schema! {
///         #[derive(PartialEq)]
///         pub struct Person {
///             pub name: shmbus::Str<32>,
///             pub likes: Colour,
///             pub nick: shmbus::Opt<shmbus::Str<16>>,
///         }
///         pub enum Colour: u8 { Red as "red" = 0, Green as "green" = 1 }
///     }
///     assert_eq!(shmbus::schema_of::<Person>(),
///         "{name:str32@0,likes:enum<u8(red=0,green=1)>@36,nick:opt<str16>@40}64/8");
///
/// Structs are `Clone`, `Copy`, `Debug` and `Default`; enumerations `PartialEq`, `Eq` and `Hash`
/// too. Enumerators stand in the order of their values, which is how C++ lists them.
#[macro_export]
macro_rules! schema {
    () => {};
    ($(#[$meta:meta])* $vis:vis struct $name:ident {
        $($(#[$member_meta:meta])* $member_vis:vis $member:ident $(as $text:literal)? : $type:ty),+
        $(,)?
    } $($rest:tt)*) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        #[repr(C)]
        $vis struct $name { $($(#[$member_meta])* $member_vis $member: $type),+ }

        unsafe impl $crate::Value for $name {
            const TAIL: bool = $(<$type as $crate::Value>::TAIL)||+;
            const STRUCT: bool = true;
            fn write_schema(out: &mut ::std::string::String) {
                let mut before = '{';
                $(
                    out.push(before);
                    before = ',';
                    out.push_str($crate::__name!($member $(as $text)?));
                    out.push(':');
                    <$type as $crate::Value>::write_schema(out);
                    out.push('@');
                    out.push_str(&$crate::__offset!($name, $member).to_string());
                )+
                let _ = before;
                let size = ::std::mem::size_of::<$name>();
                let align = ::std::mem::align_of::<$name>();
                $crate::put(out, ::std::format_args!("}}{}/{}", size, align));
            }
            unsafe fn init(at: *mut Self) {
                at.cast::<u8>().write_bytes(0, ::std::mem::size_of::<$name>());
                $(<$type as $crate::Value>::init(::std::ptr::addr_of_mut!((*at).$member));)+
            }
            unsafe fn bad(at: *const Self) -> ::std::option::Option<&'static str> {
                $(
                    let member = ::std::ptr::addr_of!((*at).$member);
                    if <$type as $crate::Value>::bad(member).is_some() {
                        return ::std::option::Option::Some($crate::__name!($member $(as $text)?));
                    }
                )+
                let _ = at;
                ::std::option::Option::None
            }
            fn parts() -> ::std::vec::Vec<$crate::Part> {
                ::std::vec![$($crate::part::<$type>($crate::__offset!($name, $member))),+]
            }
        }
        impl ::std::default::Default for $name {
            fn default() -> Self {
                let mut made = ::std::mem::MaybeUninit::<Self>::zeroed();
                unsafe {
                    <Self as $crate::Value>::init(made.as_mut_ptr());
                    made.assume_init()
                }
            }
        }
        $crate::schema! { $($rest)* }
    };
    ($(#[$meta:meta])* $vis:vis enum $name:ident : $base:ident {
        $($(#[$one_meta:meta])* $one:ident $(as $text:literal)? = $value:literal),+ $(,)?
    } $($rest:tt)*) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr($base)]
        $vis enum $name { $($(#[$one_meta])* $one = $value),+ }

        unsafe impl $crate::Value for $name {
            fn write_schema(out: &mut ::std::string::String) {
                out.push_str("enum<");
                <$base as $crate::Value>::write_schema(out);
                let mut before = '(';
                $(
                    out.push(before);
                    before = ',';
                    out.push_str($crate::__name!($one $(as $text)?));
                    $crate::put(out, ::std::format_args!("={}", $value));
                )+
                let _ = before;
                out.push_str(")>");
            }
            unsafe fn init(at: *mut Self) {
                at.write([$(Self::$one),+][0]);
            }
            #[inline]
            unsafe fn bad(at: *const Self) -> ::std::option::Option<&'static str> {
                match *at.cast::<$base>() {
                    $($value)|+ => ::std::option::Option::None,
                    _ => ::std::option::Option::Some(stringify!($name)),
                }
            }
        }
        impl ::std::default::Default for $name {
            fn default() -> Self {
                [$(Self::$one),+][0]
            }
        }
        $crate::schema! { $($rest)* }
    };
}

/// Binds names to types, once for both sides.
///
///     use shmbus::{command, Str};
///     command! {
///         /// Greets.
///         pub Greet = "greet": Str<32> => Str<64>;
///     }
#[macro_export]
macro_rules! command {
    ($($(#[$meta:meta])* $vis:vis $name:ident = $text:literal :
        $request:ty => $reply:ty);+ $(;)?) => {
        $($(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        $vis enum $name {}
        impl $crate::Command for $name {
            const NAME: &'static str = $text;
            type Request = $request;
            type Reply = $reply;
        })+
    };
}

/// Binds names of events to types, once for both sides.
///
///     shmbus::event! { pub Price = "price.changed": u64; }
#[macro_export]
macro_rules! event {
    ($($(#[$meta:meta])* $vis:vis $name:ident = $text:literal : $value:ty);+ $(;)?) => {
        $($(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        $vis enum $name {}
        impl $crate::Event for $name {
            const NAME: &'static str = $text;
            type Value = $value;
        })+
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __name {
    ($name:ident as $text:literal) => {
        $text
    };
    ($name:ident) => {
        $crate::__plain(stringify!($name))
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __offset {
    ($name:ident, $member:ident) => {{
        let base = ::std::mem::MaybeUninit::<$name>::uninit();
        let member = unsafe { ::std::ptr::addr_of!((*base.as_ptr()).$member) };
        member as usize - base.as_ptr() as usize
    }};
}

/// Of `r#type`, which is called `type` on the bus.
#[doc(hidden)]
pub fn __plain(name: &'static str) -> &'static str {
    name.strip_prefix("r#").unwrap_or(name)
}

/// A name and the types that belong to it: made by `command!`.
pub trait Command: 'static {
    /// Its name on the bus.
    const NAME: &'static str;
    /// What a caller sends.
    type Request: crate::Value;
    /// What a handler answers.
    type Reply: crate::Value;
}

/// The name of an event and its type: made by `event!`.
pub trait Event: 'static {
    /// Its name on the bus.
    const NAME: &'static str;
    /// What is published.
    type Value: crate::Value;
}

/// "request->reply".
pub(crate) fn schema_text<C: Command>() -> String {
    let (request, reply) = (crate::schema_of::<C::Request>(), crate::schema_of::<C::Reply>());
    format!("{request}->{reply}")
}
