/* One attempt to get out of a sandbox: `probe VERB ARGUMENTS`.
 *
 * Exit code 0: it worked. 1: it was refused; stdout has the reason. 2: it could not be tried.
 * In C because most attempts are raw system calls, and the workspace denies unsafe Rust. It is
 * compiled when the suite starts, statically where that is possible, so that it also runs in a
 * container image that has no compiler.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static void worked(const char *what) { printf("worked: %s\n", what); fflush(stdout); _exit(0); }
static void refused(const char *what) { printf("refused: %s: %s\n", what, strerror(errno)); fflush(stdout); _exit(1); }
static void untried(const char *what) { printf("not tried: %s: %s\n", what, strerror(errno)); fflush(stdout); _exit(2); }
static void end_with(long result, const char *what) { if (result < 0) refused(what); worked(what); }

/* Arguments by place; an attempt without the ones it needs can't be made. */
static char **words;
static int count;
static const char *word(int place) {
    if (place >= count) { errno = EINVAL; untried("an argument is missing"); }
    return words[place];
}
static long number(int place) { return strtol(word(place), NULL, 0); }

/* ---- files ---- */

static void show_file(const char *path) {
    char text[4096];
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) refused(path);
    ssize_t length = read(file, text, sizeof text - 1);
    if (length < 0) refused(path);
    if (length == 0) { errno = ENODATA; refused(path); }
    fwrite(text, 1, (size_t)length, stdout);
    worked(path);
}

static void list(const char *path) {
    DIR *dir = opendir(path);
    if (!dir) refused(path);
    errno = 0;
    if (!readdir(dir)) refused(path);
    worked(path);
}

static void write_to(const char *path, int flags) {
    int file = open(path, flags | O_CLOEXEC, 0644);
    if (file < 0) refused(path);
    if (write(file, "x", 1) < 0) refused(path);
    worked(path);
}

static void watch_for_names(const char *path) {
    int watch = inotify_init1(IN_CLOEXEC);
    if (watch < 0) refused("inotify_init");
    end_with(inotify_add_watch(watch, path, IN_ALL_EVENTS), path);
}

/* By number, with the handle that name_to_handle_at gave for it outside: the first bytes of an
 * ext4 handle are the inode. Any handle does: refused is refused before it is read. */
static void by_handle(void) {
    struct { unsigned int bytes; int type; unsigned char handle[128]; } handle = { .bytes = 8, .type = 1 };
    int root = open("/", O_RDONLY | O_DIRECTORY);
    memcpy(handle.handle, (int[]){ 2, 0 }, 8);
    long file = syscall(SYS_open_by_handle_at, root, &handle, O_RDONLY);
    if (file < 0 && errno != EPERM && errno != ENOSYS) worked("the kernel looked at the handle");
    end_with(file, "open_by_handle_at");
}

/* ---- sockets ---- */

static socklen_t inet(struct sockaddr_storage *store, const char *host, long port) {
    memset(store, 0, sizeof *store);
    struct sockaddr_in *four = (void *)store;
    four->sin_family = AF_INET;
    four->sin_port = htons((uint16_t)port);
    if (inet_pton(AF_INET, host, &four->sin_addr) == 1) return sizeof *four;
    struct sockaddr_in6 *six = (void *)store;
    six->sin6_family = AF_INET6;
    six->sin6_port = htons((uint16_t)port);
    if (inet_pton(AF_INET6, host, &six->sin6_addr) == 1) return sizeof *six;
    errno = EINVAL;
    untried("no address");
    return 0;
}

static socklen_t unix_name(struct sockaddr_un *address, const char *name, int is_abstract) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    size_t length = strlen(name);
    if (length > sizeof address->sun_path - 2) { errno = ENAMETOOLONG; untried(name); }
    memcpy(address->sun_path + (is_abstract ? 1 : 0), name, length);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
}

/* The listener greets whoever comes; only its greeting proves that it was reached. */
static void greeted(int peer, const char *say, const char *what) {
    char text[512];
    if (*say && send(peer, say, strlen(say), MSG_NOSIGNAL) < 0) refused(what);
    struct pollfd wait_for = { .fd = peer, .events = POLLIN };
    if (poll(&wait_for, 1, 3000) <= 0) { errno = ETIMEDOUT; refused(what); }
    ssize_t length = recv(peer, text, sizeof text - 1, 0);
    if (length < 0) refused(what);
    if (length == 0) { errno = ECONNRESET; refused(what); }
    text[length] = 0;
    printf("the peer says %s\n", text);
    worked(what);
}

static void tcp(const char *host, long port, int protocol) {
    struct sockaddr_storage address;
    socklen_t length = inet(&address, host, port);
    int peer = socket(address.ss_family, SOCK_STREAM, protocol);
    if (peer < 0) refused("socket");
    if (connect(peer, (void *)&address, length) < 0) refused("connect");
    greeted(peer, "PING\r\n", "connect");
}

/* kind: 0 sendto, 1 sendmsg, 2 sendmmsg, 3 setsockopt TCP_FASTOPEN_CONNECT */
static void fast_open(const char *host, long port, int kind, int protocol) {
    struct sockaddr_storage address;
    socklen_t length = inet(&address, host, port);
    int peer = socket(address.ss_family, SOCK_STREAM, protocol);
    if (peer < 0) refused("socket");
    char say[] = "PING\r\n";
    struct iovec part = { say, sizeof say - 1 };
    struct msghdr message = { .msg_name = &address, .msg_namelen = length, .msg_iov = &part, .msg_iovlen = 1 };
    struct mmsghdr messages = { .msg_hdr = message };
    int on = 1;
    long sent;
    if (kind == 0) sent = sendto(peer, say, sizeof say - 1, MSG_FASTOPEN, (void *)&address, length);
    else if (kind == 1) sent = sendmsg(peer, &message, MSG_FASTOPEN);
    else if (kind == 2) sent = sendmmsg(peer, &messages, 1, MSG_FASTOPEN);
    else {
        if (setsockopt(peer, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on) < 0) refused("TCP_FASTOPEN_CONNECT");
        sent = connect(peer, (void *)&address, length);
        if (sent >= 0) sent = send(peer, say, sizeof say - 1, MSG_NOSIGNAL);
    }
    if (sent < 0) refused("fast open");
    greeted(peer, "", "fast open");
}

static void listen_on(const char *host, long port, int protocol, int binds) {
    struct sockaddr_storage address;
    socklen_t length = inet(&address, host, port);
    int own = socket(address.ss_family, SOCK_STREAM, protocol);
    if (own < 0) refused("socket");
    if (binds && bind(own, (void *)&address, length) < 0) refused("bind");
    end_with(listen(own, 1), "listen");
}

static void udp(const char *host, long port, const char *say) {
    struct sockaddr_storage address;
    socklen_t length = inet(&address, host, port);
    int own = socket(address.ss_family, SOCK_DGRAM, 0);
    if (own < 0) refused("socket");
    end_with(sendto(own, say, strlen(say), 0, (void *)&address, length), "sendto");
}

static void unix_socket(const char *name, int is_abstract, const char *say) {
    struct sockaddr_un address;
    socklen_t length = unix_name(&address, name, is_abstract);
    int peer = socket(AF_UNIX, SOCK_STREAM, 0);
    if (peer < 0) refused("socket");
    if (connect(peer, (void *)&address, length - (is_abstract ? 0 : 1)) < 0) refused("connect");
    greeted(peer, say, name);
}

/* ---- processes ---- */

static void memory_of(pid_t pid, int writes) {
    static char own[8] = "own";
    struct iovec mine = { own, sizeof own }, theirs = { (void *)own, sizeof own };
    long moved = writes ? syscall(SYS_process_vm_writev, pid, &mine, 1, &theirs, 1, 0)
                        : syscall(SYS_process_vm_readv, pid, &mine, 1, &theirs, 1, 0);
    /* Any other error means that the kernel looked for that memory. */
    if (moved < 0 && errno != EPERM && errno != ESRCH && errno != ENOSYS) worked("the kernel looked at it");
    end_with(moved, "process_vm");
}

static void trace(pid_t pid, int seizes) {
    long done = ptrace(seizes ? PTRACE_SEIZE : PTRACE_ATTACH, pid, 0, 0);
    if (done < 0) refused("ptrace");
    if (!seizes) waitpid(pid, NULL, __WALL);
    ptrace(PTRACE_DETACH, pid, 0, 0);
    worked("ptrace");
}

static int pidfd(pid_t pid) {
    long descriptor = syscall(SYS_pidfd_open, pid, 0);
    if (descriptor < 0) refused("pidfd_open");
    return (int)descriptor;
}

static void signal_by(const char *way, pid_t pid, int signal) {
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_signo = signal;
    info.si_code = SI_QUEUE;
    if (!strcmp(way, "kill")) end_with(kill(pid, signal), way);
    if (!strcmp(way, "tgkill")) end_with(syscall(SYS_tgkill, pid, pid, signal), way);
    if (!strcmp(way, "tkill")) end_with(syscall(SYS_tkill, pid, signal), way);
    if (!strcmp(way, "sigqueue")) end_with(syscall(SYS_rt_sigqueueinfo, pid, signal, &info), way);
    if (!strcmp(way, "pidfd")) end_with(syscall(SYS_pidfd_send_signal, pidfd(pid), signal, NULL, 0), way);
    untried(way);
}

static void schedule(const char *way, pid_t pid) {
    struct sched_param none = { 0 };
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    struct { uint32_t size, policy; uint64_t flags; int32_t nice; uint32_t priority; uint64_t rest[3]; } attr
        = { .size = 48, .policy = SCHED_IDLE };
    if (!strcmp(way, "nice")) end_with(setpriority(PRIO_PROCESS, (id_t)pid, 10), way);
    if (!strcmp(way, "idle")) end_with(sched_setscheduler(pid, SCHED_IDLE, &none), way);
    if (!strcmp(way, "attr")) end_with(syscall(SYS_sched_setattr, pid, &attr, 0), way);
    if (!strcmp(way, "affinity")) end_with(sched_setaffinity(pid, sizeof one, &one), way);
    if (!strcmp(way, "io")) end_with(syscall(SYS_ioprio_set, 1, pid, (2 << 13) | 7), way);
    if (!strcmp(way, "user")) end_with(setpriority(PRIO_USER, getuid(), 1), way);
    untried(way);
}

static void limits_of(pid_t pid) {
    struct rlimit now;
    if (prlimit(pid, RLIMIT_NOFILE, NULL, &now) < 0) refused("prlimit");
    end_with(prlimit(pid, RLIMIT_NOFILE, &now, NULL), "prlimit");
}

static void raise_limit(int resource) {
    struct rlimit now;
    if (getrlimit(resource, &now) < 0) untried("getrlimit");
    if (now.rlim_max == RLIM_INFINITY) { errno = EPERM; refused("there is nothing above no limit"); }
    now.rlim_max = now.rlim_cur = now.rlim_max * 2;
    end_with(setrlimit(resource, &now), "setrlimit");
}

static void label(void) {
    struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY }, now;
    if (getrlimit(RLIMIT_RSS, &now) < 0) untried("getrlimit");
    if (now.rlim_max == RLIM_INFINITY) now.rlim_max = now.rlim_cur = 1L << 40; else now.rlim_cur = now.rlim_max = now.rlim_max - 1;
    if (setrlimit(RLIMIT_RSS, &now) == 0) worked("setrlimit");
    end_with(prlimit(0, RLIMIT_RSS, &none, NULL), "prlimit");
}

/* Descriptors beyond the three that a command is given. */
static void inherited(void) {
    for (int descriptor = 3; descriptor < 1024; descriptor++) {
        char path[64], target[256];
        snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
        if (fcntl(descriptor, F_GETFD) < 0) continue;
        ssize_t length = readlink(path, target, sizeof target - 1);
        printf("%d is open: %.*s\n", descriptor, (int)(length < 0 ? 0 : length), target);
        worked("an inherited descriptor");
    }
    errno = EBADF;
    refused("3 to 1023");
}

/* ---- raw calls ---- */

struct call { const char *name; long number; };
static const struct call calls[] = {
    { "acct", SYS_acct }, { "add_key", SYS_add_key }, { "adjtimex", SYS_adjtimex }, { "bpf", SYS_bpf },
    { "chroot", SYS_chroot }, { "clock_adjtime", SYS_clock_adjtime }, { "clock_settime", SYS_clock_settime },
    { "delete_module", SYS_delete_module }, { "fanotify_init", SYS_fanotify_init },
    { "finit_module", SYS_finit_module }, { "fsconfig", 431 }, { "fsmount", 432 }, { "fsopen", 430 },
    { "fspick", 433 }, { "init_module", SYS_init_module }, { "io_uring_enter", 426 },
    { "io_uring_register", 427 }, { "io_uring_setup", 425 }, { "kcmp", SYS_kcmp },
    { "kexec_file_load", 320 }, { "kexec_load", SYS_kexec_load }, { "keyctl", SYS_keyctl },
    { "migrate_pages", SYS_migrate_pages }, { "memfd_secret", 447 }, { "mount", SYS_mount }, { "mount_setattr", 442 },
    { "move_mount", 429 }, { "move_pages", SYS_move_pages }, { "mq_open", SYS_mq_open },
    { "msgget", SYS_msgget }, { "open_by_handle_at", SYS_open_by_handle_at }, { "open_tree", 428 },
    { "open_tree_attr", 467 }, { "perf_event_open", SYS_perf_event_open }, { "pidfd_getfd", 438 },
    { "pivot_root", SYS_pivot_root }, { "process_madvise", 440 }, { "process_mrelease", 448 },
    { "quotactl", SYS_quotactl }, { "quotactl_fd", 443 }, { "reboot", SYS_reboot },
    { "request_key", SYS_request_key }, { "semget", SYS_semget }, { "setdomainname", SYS_setdomainname },
    { "sethostname", SYS_sethostname }, { "setns", SYS_setns }, { "settimeofday", SYS_settimeofday },
    { "shmget", SYS_shmget }, { "swapoff", SYS_swapoff }, { "swapon", SYS_swapon },
    { "syslog", SYS_syslog }, { "umount2", SYS_umount2 }, { "unshare", SYS_unshare },
    { "userfaultfd", SYS_userfaultfd }, { "vhangup", SYS_vhangup },
#ifdef SYS_iopl
    { "iopl", SYS_iopl }, { "ioperm", SYS_ioperm },
#endif
};

static int is_refusal(int error) {
    return error == EPERM || error == ENOSYS || error == EACCES || error == EAFNOSUPPORT
        || error == EPROTONOSUPPORT || error == ESOCKTNOSUPPORT;
}

/* With whatever arguments: an error that is no refusal shows that the kernel looked at them. */
static void call(const char *name) {
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        if (strcmp(calls[i].name, name)) continue;
        long a[6];
        for (int n = 0; n < 6; n++) a[n] = 3 + n < count ? number(3 + n) : 0;
        errno = 0;
        long result = syscall(calls[i].number, a[0], a[1], a[2], a[3], a[4], a[5]);
        if (result < 0 && is_refusal(errno)) refused(name);
        printf("%s answers %ld (%s)\n", name, result, strerror(errno));
        worked(name);
    }
    errno = ENOENT;
    untried(name);
}

static void any_socket(void) {
    int made = socket((int)number(2), (int)number(3), (int)number(4));
    if (made < 0 && !is_refusal(errno)) worked("the kernel looked at it");
    end_with(made, "socket");
}

static void new_namespace(const char *way, long flag) {
    if (!strcmp(way, "unshare")) end_with(syscall(SYS_unshare, flag), way);
    if (!strcmp(way, "clone")) {
        long child = syscall(SYS_clone, flag | SIGCHLD, 0, 0, 0, 0);
        if (child == 0) _exit(0);
        end_with(child, way);
    }
    struct { uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, rest[6]; } arguments = { .flags = (uint64_t)flag, .exit_signal = SIGCHLD };
    long child = syscall(435, &arguments, 64);
    if (child == 0) _exit(0);
    end_with(child, "clone3");
}

static void type_in(void) {
    int terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    if (terminal < 0) terminal = 0;
    char key = 'x';
    int slave = -1, unlock = 0;
    setsid();
    if (terminal > 0 && ioctl(terminal, TIOCSPTLCK, &unlock) == 0) {
        slave = ioctl(terminal, TIOCGPTPEER, O_RDWR);
        if (slave >= 0) ioctl(slave, TIOCSCTTY, 0);
    }
    end_with(ioctl(slave >= 0 ? slave : 0, TIOCSTI, &key), "TIOCSTI");
}

static void ended(int status, const char *what) {
    if (WIFSIGNALED(status)) { printf("refused: %s: killed by signal %d\n", what, WTERMSIG(status)); exit(1); }
    exit(WEXITSTATUS(status));
}

/* Through the gate of 32-bit programs, where every call has another number: 20 is getpid. */
static void old_gate(void) {
#ifdef __x86_64__
    pid_t child = fork();
    int status;
    if (child == 0) {
        struct rlimit none = { 0, 0 };
        setrlimit(RLIMIT_CORE, &none);
        long result;
        __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory");
        if (result == getpid()) worked("int 0x80");
        errno = (int)-result;
        refused("int 0x80");
    }
    waitpid(child, &status, 0);
    ended(status, "int 0x80");
#else
    errno = ENOSYS;
    untried("only on x86-64");
#endif
}

/* x32 numbers: the usual ones with bit 30, and those of its own from 512. */
static void other_numbers(long number_of) {
    pid_t child = fork();
    int status;
    if (child == 0) {
        struct rlimit none = { 0, 0 };
        setrlimit(RLIMIT_CORE, &none);
        long result = syscall(0x40000000L | number_of, 0, 0, 0, 0, 0, 0);
        if (result < 0 && is_refusal(errno)) refused("x32");
        worked("x32");
    }
    waitpid(child, &status, 0);
    ended(status, "x32");
}

static void ambient(void) {
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0) == 0) worked("an ambient capability");
    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct data[2] = { { 1, 1, 1 }, { 0, 0, 0 } };
    end_with(syscall(SYS_capset, &header, data), "capset");
}

/* ---- amounts ---- */

static void fill(int file, long mib) {
    static char block[1 << 20];
    memset(block, 'x', sizeof block);
    for (long i = 0; i < mib; i++)
        if (write(file, block, sizeof block) != (ssize_t)sizeof block) refused("write");
}

static void hidden_memory(long each, long times) {
    for (long i = 0; i < times; i++) {
        int file = memfd_create("hidden", 0);
        if (file < 0) refused("memfd_create");
        fill(file, each);
        usleep(200000);
    }
    sleep(3);
    worked("memfd");
}

static void plain_memory(long mib) {
    char *all = mmap(NULL, (size_t)mib << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) refused("mmap");
    for (long i = 0; i < mib; i++) memset(all + (i << 20), 1, 1 << 20);
    sleep(3);
    worked("memory");
}

/* Segments that nobody has attached. They outlive the process, so they are removed in the end. */
static void detached_memory(long each, long times) {
    int made[64];
    if (times > 64) times = 64;
    for (long i = 0; i < times; i++) {
        int segment = shmget(IPC_PRIVATE, (size_t)each << 20, IPC_CREAT | 0600);
        if (segment < 0) refused("shmget");
        char *all = shmat(segment, NULL, 0);
        if (all == (char *)-1) refused("shmat");
        memset(all, 1, (size_t)each << 20);
        shmdt(all);
        made[i] = segment;
    }
    sleep(3);
    for (long i = 0; i < times; i++) shmctl(made[i], IPC_RMID, NULL);
    worked("segments");
}

static void semaphores(long arrays) {
    for (long i = 0; i < arrays; i++) {
        int array = semget(IPC_PRIVATE, 32000, IPC_CREAT | 0600);
        if (array < 0) refused("semget");
        if (arrays == 1) semctl(array, 0, IPC_RMID);
    }
    worked("semaphores");
}

/* 2 MiB of address space take a page of tables when one byte of them is read. */
static void page_tables(long mib) {
    size_t size = (size_t)mib << 29, step = 2 << 20;
    volatile char *all = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED) refused("mmap");
    madvise((void *)all, size, MADV_NOHUGEPAGE);
    for (size_t at = 0; at < size; at += step) (void)all[at];
    sleep(3);
    worked("page tables");
}

static void hidden_disk(const char *how, long each, long times) {
    for (long i = 0; i < times; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s/f%ld", strcmp(how, "closed") ? "." : "closed", i);
        if (!strcmp(how, "closed")) { mkdir("closed", 0700); chmod("closed", 0700); }
        int file = open(name, O_RDWR | O_CREAT, 0600);
        if (file < 0) refused("open");
        if (!strcmp(how, "unlinked")) unlink(name);
        if (!strcmp(how, "closed")) chmod("closed", 0);
        fill(file, each);
        usleep(100000);
    }
    sleep(3);
    worked(how);
}

static void many_files(long many) {
    char name[64];
    mkdir("many", 0700);
    for (long i = 0; i < many; i++) {
        snprintf(name, sizeof name, "many/%ld", i);
        int file = open(name, O_WRONLY | O_CREAT, 0600);
        if (file < 0) refused("open");
        close(file);
    }
    sleep(3);
    worked("many files");
}

static void fork_bomb(long most) {
    long made = 0;
    for (long i = 0; i < most; i++) {
        pid_t child = fork();
        if (child < 0) { printf("%ld processes\n", made); sleep(3); refused("fork"); }
        if (child == 0) { sleep(8); _exit(0); }
        made++;
    }
    printf("%ld processes\n", made);
    worked("fork");
}

/* Runs a program and says whether it stayed within so many seconds and KiB: 1 if it did. */
static void within(long seconds, long kib) {
    pid_t child = fork();
    int status;
    struct rusage used;
    if (child == 0) {
        alarm((unsigned)seconds);
        execv(words[4], words + 4);
        _exit(127);
    }
    if (wait4(child, &status, 0, &used) < 0) untried("wait4");
    printf("%ld KiB, %ld.%03ld s\n", used.ru_maxrss, (long)(used.ru_utime.tv_sec + used.ru_stime.tv_sec), (long)used.ru_utime.tv_usec / 1000);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) { printf("worked: it took more than %ld s\n", seconds); _exit(0); }
    if (WIFSIGNALED(status)) { printf("worked: it was killed by signal %d\n", WTERMSIG(status)); _exit(0); }
    if (WEXITSTATUS(status) == 101) { printf("worked: it panicked\n"); _exit(0); }
    if (WEXITSTATUS(status) == 127) { errno = ENOENT; untried(words[4]); }
    if (used.ru_maxrss > kib) { printf("worked: it took %ld KiB\n", used.ru_maxrss); _exit(0); }
    _exit(1);
}

/* ---- which attempt ---- */

static int attempt(const char *verb) {
#define IS(name) !strcmp(verb, name)
    if (IS("read")) show_file(word(2));
    if (IS("list")) list(word(2));
    if (IS("write")) write_to(word(2), O_WRONLY);
    if (IS("create")) write_to(word(2), O_WRONLY | O_CREAT | O_EXCL);
    if (IS("truncate")) end_with(truncate(word(2), 0), verb);
    if (IS("unlink")) end_with(unlink(word(2)), verb);
    if (IS("hardlink")) end_with(link(word(2), word(3)), verb);
    if (IS("rename")) end_with(rename(word(2), word(3)), verb);
    if (IS("readlink")) { char text[512]; end_with(readlink(word(2), text, sizeof text), word(2)); }
    if (IS("chdir")) end_with(chdir(word(2)), word(2));
    if (IS("chmod")) end_with(chmod(word(3), (mode_t)strtol(word(2), NULL, 8)), verb);
    if (IS("chown")) end_with(chown(word(2), (uid_t)number(3), (gid_t)-1), verb);
    if (IS("utimes")) end_with(utimes(word(2), (struct timeval[2]){ { 1, 0 }, { 1, 0 } }), verb);
    if (IS("setxattr")) end_with(setxattr(word(2), "user.greenline", "x", 1, 0), verb);
    if (IS("mkdir")) end_with(mkdir(word(2), 0700), verb);
    if (IS("mknod")) end_with(mknod(word(2), S_IFCHR | 0600, (1 << 8) | 1), verb);
    if (IS("watch")) watch_for_names(word(2));
    if (IS("by-handle")) by_handle();

    if (IS("tcp")) tcp(word(2), number(3), 0);
    if (IS("mptcp")) tcp(word(2), number(3), 262);
    if (IS("sctp")) tcp(word(2), number(3), 132);
    if (IS("smc")) { any_socket(); }
    if (IS("fast-open")) fast_open(word(2), number(3), (int)number(4), 0);
    if (IS("mptcp-fast-open")) fast_open(word(2), number(3), 0, 262);
    if (IS("listen")) listen_on(word(2), number(3), (int)number(4), 1);
    if (IS("listen-unbound")) listen_on("127.0.0.1", 0, 0, 0);
    if (IS("udp")) udp(word(2), number(3), word(4));
    if (IS("unix")) unix_socket(word(2), 0, "PING\r\n");
    if (IS("abstract")) unix_socket(word(2), 1, "PING\r\n");
    if (IS("socket")) any_socket();

    if (IS("memory-read")) memory_of((pid_t)number(2), 0);
    if (IS("memory-write")) memory_of((pid_t)number(2), 1);
    if (IS("attach")) trace((pid_t)number(2), 0);
    if (IS("seize")) trace((pid_t)number(2), 1);
    if (IS("getfd")) end_with(syscall(438, pidfd((pid_t)number(2)), 0, 0), verb);
    if (IS("signal")) signal_by(word(2), (pid_t)number(3), SIGWINCH);
    if (IS("kcmp")) end_with(syscall(SYS_kcmp, getpid(), (pid_t)number(2), 1, 0, 0), verb);
    if (IS("madvise")) end_with(syscall(440, pidfd((pid_t)number(2)), &(struct iovec){ (void *)words, 1 }, 1, 20, 0), verb);
    if (IS("pages")) end_with(syscall(SYS_move_pages, (pid_t)number(2), 0, 0, 0, 0, 0), verb);
    if (IS("schedule")) schedule(word(2), (pid_t)number(3));
    if (IS("limits-of")) limits_of((pid_t)number(2));
    if (IS("raise")) raise_limit((int)number(2));
    if (IS("label")) label();
    if (IS("inherited")) inherited();

    if (IS("call")) call(word(2));
    if (IS("namespace")) new_namespace(word(2), number(3));
    if (IS("enter")) end_with(setns(open(word(2), O_RDONLY), 0), verb);
    if (IS("setuid")) end_with(setuid((uid_t)number(2)), verb);
    if (IS("setgroups")) end_with(syscall(SYS_setgroups, 0, NULL), verb);
    if (IS("ambient")) ambient();
    if (IS("type-in")) type_in();
    if (IS("int80")) old_gate();
    if (IS("x32")) other_numbers(number(2));

    if (IS("memfd")) hidden_memory(number(2), number(3));
    if (IS("memory")) plain_memory(number(2));
    if (IS("segments")) detached_memory(number(2), number(3));
    if (IS("semaphores")) semaphores(number(2));
    if (IS("page-tables")) page_tables(number(2));
    if (IS("disk")) hidden_disk(word(2), number(3), number(4));
    if (IS("files")) many_files(number(2));
    if (IS("within") && count > 4) within(number(2), number(3));
    if (IS("forks")) fork_bomb(number(2));
    errno = ENOENT;
    untried(verb);
    return 2;
}

int main(int argc, char **argv) {
    words = argv;
    count = argc;
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    return attempt(word(1));
}
