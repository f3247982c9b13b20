/*
 * A camera that is not there: a preload library that answers the V4L2 calls for /dev/video42.
 *
 * The machines that run the tests have no camera and no kernel module to emulate one. This library stands between the
 * program and libc and plays the kernel's side of the V4L2 streaming protocol (memory-mapped buffers), so that the
 * program's real camera code runs unchanged. The device's file descriptor is a timer that becomes readable once per
 * frame, which makes poll work without being overridden.
 *
 * The picture: luma is a ramp that moves by 4 per frame, Y(x) = x + 4 * n modulo 256; Cb = 90 + y modulo 64; Cr = 140.
 *
 * The device may be opened a second time, to be asked what it is, and stands in the listing of /dev.
 *
 * Settings, all by environment:
 *   FAKE_CAMERA_LAYOUT=NV12        offer NV12, or any other of YUYV (the default), UYVY, YU12, RGB3 (a grey ramp) and MJPG
 *   FAKE_CAMERA_JPEG=FILE          what MJPG pictures are, whatever size was promised
 *   FAKE_CAMERA_FPS=N              so many frames a second, whatever rate was promised (30)
 *   FAKE_CAMERA_SHORT=1            pictures of half the bytes that they should have
 *   FAKE_CAMERA_FIRST_MS=N         the first frame comes so late (1)
 *   FAKE_CAMERA_TORN_EVERY=N       each Nth frame is marked as damaged
 *   FAKE_CAMERA_VANISH_AFTER=N     after N frames every call fails with ENODEV, as when the plug is pulled; the device can
 *                                  be opened again FAKE_CAMERA_RETURN_MS later (never without), and then stays
 *   FAKE_CAMERA_STALL_AFTER=N      after N frames no more come
 *   FAKE_CAMERA_BUSY=1             opening fails with EBUSY
 *   FAKE_CAMERA_FORBIDDEN=1        opening fails with EACCES
 *   FAKE_CAMERA_SHORT_AFTER=N      after N frames each has half of its bytes
 *   FAKE_CAMERA_FPS=N              delivers so many frames per second, whatever it says and is asked for
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define DEVICE "/dev/video42"
#define MAX_BUFFERS 8

static struct {
    int fd;
    /* A second opening; whichever begins to stream is the first from then on. */
    int second;
    int streaming;
    unsigned width, height;
    unsigned frames;
    /* Buffers: where they are mapped, and the queue of those the program handed over. */
    unsigned buffer_count;
    void *buffers[MAX_BUFFERS];
    unsigned queue[MAX_BUFFERS], queued, dequeued;
    int vanished;
    struct timespec vanished_at;
} camera = {.fd = -1, .second = -1, .width = 640, .height = 360};

static int number(const char *name, int otherwise) {
    const char *text = getenv(name);
    return text ? atoi(text) : otherwise;
}

static uint32_t pixel_format(void) {
    const char *layout = getenv("FAKE_CAMERA_LAYOUT");
    return layout ? v4l2_fourcc(layout[0], layout[1], layout[2], layout[3]) : V4L2_PIX_FMT_YUYV;
}
static unsigned stride(void) {
    switch (pixel_format()) {
    case V4L2_PIX_FMT_NV12:
    case V4L2_PIX_FMT_YUV420: return camera.width;
    case V4L2_PIX_FMT_RGB24: return camera.width * 3;
    case V4L2_PIX_FMT_MJPEG: return 0;
    default: return camera.width * 2;
    }
}
static unsigned picture_bytes(void) {
    switch (pixel_format()) {
    case V4L2_PIX_FMT_NV12:
    case V4L2_PIX_FMT_YUV420: return camera.width * camera.height * 3 / 2;
    case V4L2_PIX_FMT_MJPEG: return camera.width * camera.height;
    default: return stride() * camera.height;
    }
}

static int fail(int error) {
    errno = error;
    return -1;
}

static void set_timer(int run) {
    struct itimerspec timer = {0};
    if (run) {
        timer.it_interval.tv_nsec = 1000000000 / number("FAKE_CAMERA_FPS", 30);
        int first_ms = number("FAKE_CAMERA_FIRST_MS", 1);
        timer.it_value.tv_sec = first_ms / 1000;
        timer.it_value.tv_nsec = first_ms % 1000 * 1000000;
    }
    timerfd_settime(camera.fd, 0, &timer, 0);
}

/* The kept JPEG; how many bytes it has. */
static unsigned draw_jpeg(uint8_t *picture) {
    const char *path = getenv("FAKE_CAMERA_JPEG");
    int file = path ? open(path, O_RDONLY) : -1;
    long bytes = file < 0 ? 0 : read(file, picture, picture_bytes());
    if (file >= 0)
        close(file);
    return bytes < 0 ? 0 : (unsigned)bytes;
}

static void draw(uint8_t *picture) {
    unsigned shift = camera.frames * 4;
    uint32_t layout = pixel_format();
    int chroma_first = layout == V4L2_PIX_FMT_UYVY;
    int planar = layout == V4L2_PIX_FMT_NV12 || layout == V4L2_PIX_FMT_YUV420;
    for (unsigned y = 0; y < camera.height; y++) {
        uint8_t *row = picture + y * stride();
        for (unsigned x = 0; x < camera.width; x++) {
            if (planar) {
                row[x] = x + shift;
            } else if (layout == V4L2_PIX_FMT_RGB24) {
                row[3 * x] = row[3 * x + 1] = row[3 * x + 2] = x + shift;
            } else {
                row[2 * x + chroma_first] = x + shift;
                row[2 * x + !chroma_first] = x % 2 == 0 ? 90 + y % 64 : 140;
            }
        }
    }
    for (unsigned y = 0; planar && y < camera.height / 2; y++) {
        uint8_t *row = picture + camera.height * stride();
        if (layout == V4L2_PIX_FMT_NV12) {
            for (unsigned x = 0; x < camera.width; x++)
                row[y * stride() + x] = x % 2 == 0 ? 90 + 2 * y % 64 : 140;
        } else {
            memset(row + y * stride() / 2, 90 + 2 * y % 64, stride() / 2);
            memset(row + camera.height / 2 * stride() / 2 + y * stride() / 2, 140, stride() / 2);
        }
    }
}

static void describe_format(struct v4l2_pix_format *format) {
    format->width = camera.width;
    format->height = camera.height;
    format->pixelformat = pixel_format();
    format->field = V4L2_FIELD_NONE;
    format->bytesperline = stride();
    format->sizeimage = picture_bytes();
    format->colorspace = V4L2_COLORSPACE_SRGB;
}

static int query_capabilities(struct v4l2_capability *capability) {
    memset(capability, 0, sizeof *capability);
    strcpy((char *)capability->driver, "fake");
    strcpy((char *)capability->card, "Fake Camera");
    strcpy((char *)capability->bus_info, "platform:fake");
    capability->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
    capability->capabilities = capability->device_caps | V4L2_CAP_DEVICE_CAPS;
    return 0;
}

static int enumerate_size(struct v4l2_frmsizeenum *size) {
    if (size->index > 1 || size->pixel_format != pixel_format())
        return fail(EINVAL);
    size->type = V4L2_FRMSIZE_TYPE_DISCRETE;
    size->discrete.width = size->index == 0 ? 640 : 320;
    size->discrete.height = size->index == 0 ? 360 : 180;
    return 0;
}

static int enumerate_interval(struct v4l2_frmivalenum *interval) {
    if (interval->index > 0)
        return fail(EINVAL);
    interval->type = V4L2_FRMIVAL_TYPE_DISCRETE;
    interval->discrete.numerator = 1;
    interval->discrete.denominator = 30;
    return 0;
}

static int set_format(struct v4l2_format *format) {
    int small = format->fmt.pix.width < 640;
    camera.width = small ? 320 : 640;
    camera.height = small ? 180 : 360;
    describe_format(&format->fmt.pix);
    return 0;
}

static int stream_parameters(struct v4l2_streamparm *parameters) {
    memset(&parameters->parm, 0, sizeof parameters->parm);
    parameters->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
    parameters->parm.capture.timeperframe.numerator = 1;
    parameters->parm.capture.timeperframe.denominator = 30;
    return 0;
}

static int request_buffers(struct v4l2_requestbuffers *request) {
    if (request->memory != V4L2_MEMORY_MMAP)
        return fail(EINVAL);
    if (request->count > MAX_BUFFERS)
        request->count = MAX_BUFFERS;
    camera.buffer_count = request->count;
    camera.queued = camera.dequeued = 0;
    return 0;
}

static int query_buffer(struct v4l2_buffer *buffer) {
    if (buffer->index >= camera.buffer_count)
        return fail(EINVAL);
    buffer->length = picture_bytes();
    buffer->m.offset = buffer->index << 24;
    buffer->flags = 0;
    return 0;
}

/* As the kernel does, refuses a buffer that is in the queue already. */
static int queue_buffer(struct v4l2_buffer *buffer) {
    if (buffer->index >= camera.buffer_count)
        return fail(EINVAL);
    for (unsigned at = camera.dequeued; at != camera.queued; at++)
        if (camera.queue[at % MAX_BUFFERS] == buffer->index)
            return fail(EINVAL);
    camera.queue[camera.queued++ % MAX_BUFFERS] = buffer->index;
    return 0;
}

static int dequeue_buffer(struct v4l2_buffer *buffer) {
    uint64_t ticks;
    if (!camera.streaming)
        return fail(EINVAL);
    if (read(camera.fd, &ticks, sizeof ticks) < 0)
        return -1;
    if (camera.queued == camera.dequeued)
        return fail(EAGAIN);
    unsigned index = camera.queue[camera.dequeued++ % MAX_BUFFERS];
    if (!camera.buffers[index])
        return fail(EINVAL);
    camera.frames++;
    unsigned bytes = picture_bytes();
    if (pixel_format() == V4L2_PIX_FMT_MJPEG)
        bytes = draw_jpeg(camera.buffers[index]);
    else
        draw(camera.buffers[index]);
    if (number("FAKE_CAMERA_SHORT", 0))
        bytes /= 2;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    buffer->index = index;
    buffer->length = picture_bytes();
    buffer->bytesused = bytes;
    if ((int)camera.frames > number("FAKE_CAMERA_SHORT_AFTER", 1 << 30))
        buffer->bytesused /= 2;
    buffer->sequence = camera.frames;
    buffer->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    if (camera.frames % number("FAKE_CAMERA_TORN_EVERY", 1 << 30) == 0)
        buffer->flags |= V4L2_BUF_FLAG_ERROR;
    buffer->timestamp.tv_sec = now.tv_sec;
    buffer->timestamp.tv_usec = now.tv_nsec / 1000;
    buffer->m.offset = index << 24;
    if ((int)camera.frames == number("FAKE_CAMERA_STALL_AFTER", -1))
        set_timer(0);
    return 0;
}

static int stream(int on) {
    camera.streaming = on;
    camera.frames = 0;
    if (!on)
        camera.queued = camera.dequeued = 0;
    set_timer(on);
    return 0;
}

static int answer(unsigned request, void *argument) {
    int vanish_after = number("FAKE_CAMERA_VANISH_AFTER", -1);
    if (vanish_after >= 0 && camera.streaming && (int)camera.frames >= vanish_after && !camera.vanished) {
        camera.vanished = 1;
        clock_gettime(CLOCK_MONOTONIC, &camera.vanished_at);
    }
    if (camera.vanished == 1)
        return fail(ENODEV);
    switch (request) {
    case VIDIOC_QUERYCAP: return query_capabilities(argument);
    case VIDIOC_ENUM_FMT: {
        struct v4l2_fmtdesc *format = argument;
        if (format->index > 0 || format->type != V4L2_BUF_TYPE_VIDEO_CAPTURE)
            return fail(EINVAL);
        format->flags = 0;
        strcpy((char *)format->description, "fake");
        format->pixelformat = pixel_format();
        return 0;
    }
    case VIDIOC_ENUM_FRAMESIZES: return enumerate_size(argument);
    case VIDIOC_ENUM_FRAMEINTERVALS: return enumerate_interval(argument);
    case VIDIOC_S_FMT:
    case VIDIOC_TRY_FMT: return set_format(argument);
    case VIDIOC_G_FMT: describe_format(&((struct v4l2_format *)argument)->fmt.pix); return 0;
    case VIDIOC_S_PARM:
    case VIDIOC_G_PARM: return stream_parameters(argument);
    case VIDIOC_REQBUFS: return request_buffers(argument);
    case VIDIOC_QUERYBUF: return query_buffer(argument);
    case VIDIOC_QBUF: return queue_buffer(argument);
    case VIDIOC_DQBUF: return dequeue_buffer(argument);
    case VIDIOC_STREAMON: return stream(1);
    case VIDIOC_STREAMOFF: return stream(0);
    default: return fail(EINVAL);
    }
}

/* A vanished camera is back after FAKE_CAMERA_RETURN_MS, and does not vanish a second time. */
static int open_camera(void) {
    if (number("FAKE_CAMERA_BUSY", 0))
        return fail(EBUSY);
    if (number("FAKE_CAMERA_FORBIDDEN", 0))
        return fail(EACCES);
    if (camera.vanished == 1) {
        int return_ms = number("FAKE_CAMERA_RETURN_MS", -1);
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        long away_ms = (now.tv_sec - camera.vanished_at.tv_sec) * 1000 +
                       (now.tv_nsec - camera.vanished_at.tv_nsec) / 1000000;
        if (return_ms < 0 || away_ms < return_ms)
            return fail(ENOENT);
        camera.vanished = 2;
    }
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (camera.fd >= 0) {
        camera.second = fd;
    } else {
        camera.streaming = 0;
        camera.fd = fd;
    }
    return fd;
}

/* The calls of libc that are stood before. Each looks up the real one the first time. */
#define REAL(function) \
    static __typeof__(&function) real; \
    if (!real) \
        real = (__typeof__(&function))dlsym(RTLD_NEXT, #function)

static int is_camera_path(const char *path) { return path && strcmp(path, DEVICE) == 0; }
static int is_camera(int fd) { return fd >= 0 && (fd == camera.fd || fd == camera.second); }

static int answer_at(int fd, unsigned request, void *argument) {
    if (request == (unsigned)VIDIOC_STREAMON && fd == camera.second) {
        camera.second = camera.fd;
        camera.fd = fd;
    }
    return answer(request, argument);
}

static int mode_of(int flags, va_list arguments) {
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, int) : 0;
}

int open(const char *path, int flags, ...) {
    REAL(open);
    va_list arguments;
    va_start(arguments, flags);
    int mode = mode_of(flags, arguments);
    va_end(arguments);
    return is_camera_path(path) ? open_camera() : real(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    REAL(open64);
    va_list arguments;
    va_start(arguments, flags);
    int mode = mode_of(flags, arguments);
    va_end(arguments);
    return is_camera_path(path) ? open_camera() : real(path, flags, mode);
}

int ioctl(int fd, unsigned long request, ...) {
    static int (*real)(int, unsigned long, ...);
    if (!real)
        real = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    return is_camera(fd) ? answer_at(fd, (unsigned)request, argument) : real(fd, request, argument);
}

/* The program's camera library calls ioctl in this roundabout way. */
long syscall(long call, ...) {
    static long (*real)(long, ...);
    if (!real)
        real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    va_list arguments;
    va_start(arguments, call);
    long a[6];
    for (int at = 0; at < 6; at++)
        a[at] = va_arg(arguments, long);
    va_end(arguments);
    if (call == SYS_ioctl && is_camera((int)a[0]))
        return answer_at((int)a[0], (unsigned)a[1], (void *)a[2]);
    return real(call, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void *map_buffer(size_t length, off_t offset) {
    static void *(*real)(void *, size_t, int, int, int, off_t);
    if (!real)
        real = (void *(*)(void *, size_t, int, int, int, off_t))dlsym(RTLD_NEXT, "mmap");
    void *buffer = real(0, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    camera.buffers[(offset >> 24) % MAX_BUFFERS] = buffer;
    return buffer;
}

void *mmap(void *start, size_t length, int protection, int flags, int fd, off_t offset) {
    REAL(mmap);
    return is_camera(fd) ? map_buffer(length, offset) : real(start, length, protection, flags, fd, offset);
}

void *mmap64(void *start, size_t length, int protection, int flags, int fd, off64_t offset) {
    REAL(mmap64);
    return is_camera(fd) ? map_buffer(length, offset) : real(start, length, protection, flags, fd, offset);
}

int close(int fd) {
    REAL(close);
    if (fd >= 0 && fd == camera.second) {
        camera.second = -1;
    } else if (is_camera(fd)) {
        camera.fd = camera.second;
        camera.second = -1;
    }
    return real(fd);
}

/* The listing of /dev that is being read, and whether the camera was named in it. */
static DIR *devices;
static int named;

DIR *opendir(const char *path) {
    REAL(opendir);
    DIR *folder = real(path);
    if (folder && strcmp(path, "/dev") == 0) {
        devices = folder;
        named = 0;
    }
    return folder;
}

struct dirent64 *readdir64(DIR *folder) {
    REAL(readdir64);
    static struct dirent64 entry = {.d_ino = 42, .d_type = DT_CHR, .d_name = "video42"};
    struct dirent64 *next = real(folder);
    if (next || folder != devices || named)
        return next;
    named = 1;
    return &entry;
}
