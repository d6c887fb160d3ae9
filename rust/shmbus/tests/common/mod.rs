//! What the tests share: a bus of their own, a server in a thread, an executor of several tasks.
#![allow(dead_code)]
use shmbus::{Bus, Remote, Server};
use std::cell::RefCell;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::JoinHandle;
use std::time::Duration;

pub const SECONDS: Duration = Duration::from_secs(20);

/// A bus that goes with the test.
pub struct TestBus(pub Bus);

impl TestBus {
    pub fn new() -> TestBus {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("rust-test-{}-{number}", std::process::id());
        TestBus(Bus::open(&name).expect("a bus"))
    }
}

impl Deref for TestBus {
    type Target = Bus;
    fn deref(&self) -> &Bus {
        &self.0
    }
}

impl Drop for TestBus {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.0.path());
    }
}

/// A server that runs in a thread until this is dropped.
pub struct Running {
    remote: Remote,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub fn new(mut server: Server) -> Running {
        let remote = server.remote();
        let thread = Some(std::thread::spawn(move || server.run().expect("runs")));
        Running { remote, thread }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.remote.stop();
        let ended = self.thread.take().unwrap().join();
        if !std::thread::panicking() {
            ended.unwrap();
        }
    }
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Runs tasks on one thread; each is polled only when it was woken.
pub struct Executor {
    tasks: RefCell<Vec<Option<Task>>>,
    woken: Receiver<usize>,
    wake: Sender<usize>,
}

struct TaskWaker(usize, Mutex<Sender<usize>>);

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        let _ = self.1.lock().unwrap().send(self.0);
    }
}

impl Executor {
    pub fn new() -> Executor {
        let (wake, woken) = channel();
        Executor { tasks: RefCell::default(), woken, wake }
    }
    pub fn spawn<T: 'static>(
        &self,
        future: impl Future<Output = T> + 'static,
    ) -> Rc<RefCell<Option<T>>> {
        let result = Rc::new(RefCell::new(None));
        let place = result.clone();
        let task = async move { *place.borrow_mut() = Some(future.await) };
        self.tasks.borrow_mut().push(Some(Box::pin(task)));
        self.wake.send(self.tasks.borrow().len() - 1).unwrap();
        result
    }
    /// Until all tasks have ended. Panics when nothing wakes one for long.
    pub fn run(&self) {
        while self.tasks.borrow().iter().any(Option::is_some) {
            let at = self.woken.recv_timeout(SECONDS).expect("a task was forgotten");
            let taken = self.tasks.borrow_mut()[at].take();
            if let Some(mut task) = taken {
                let waker = Waker::from(Arc::new(TaskWaker(at, Mutex::new(self.wake.clone()))));
                if task.as_mut().poll(&mut Context::from_waker(&waker)) == Poll::Pending {
                    self.tasks.borrow_mut()[at] = Some(task);
                }
            }
        }
    }
}
