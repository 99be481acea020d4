/* The floor of any recorder: what comes from sockets goes to files as it is, nothing else.
 *
 * floor PACE_MS FILE FD [FILE FD ...]   FD: a connected socket, inherited. Ends on SIGTERM.
 * PACE_MS 0 reads as soon as something comes; otherwise all sockets are read once in so many milliseconds.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 262144, READY = 256 };

static char room[ROOM];

int main(int count, char **words)
{
    long pace_ms = count > 1 ? atol(words[1]) : 0;
    int loop = epoll_create1(0), open_sockets = (count - 2) / 2;
    int (*pair)[2] = calloc(open_sockets ? open_sockets : 1, sizeof *pair);
    struct epoll_event ready[READY];
    for (int k = 0; k < open_sockets; k++) {
        pair[k][0] = atoi(words[3 + 2 * k]);
        pair[k][1] = open(words[2 + 2 * k], O_CREAT | O_WRONLY | O_TRUNC, 0640);
        struct epoll_event wanted = {.events = EPOLLIN, .data.u32 = k};
        if (pair[k][1] < 0 || epoll_ctl(loop, EPOLL_CTL_ADD, pair[k][0], &wanted)) {
            perror(words[2 + 2 * k]);
            return 1;
        }
    }
    while (open_sockets) {
        int found = epoll_wait(loop, ready, READY, -1);
        for (int k = 0; k < found; k++) {
            int *files = pair[ready[k].data.u32];
            ssize_t got = recv(files[0], room, ROOM, MSG_DONTWAIT);
            if (got <= 0) {
                if (got < 0 && (errno == EAGAIN || errno == EINTR))
                    continue;
                fprintf(stderr, "a camera is gone: %s\n", got ? strerror(errno) : "closed");
                epoll_ctl(loop, EPOLL_CTL_DEL, files[0], NULL);
                open_sockets--;
                continue;
            }
            for (ssize_t done = 0; done < got;) {
                ssize_t wrote = write(files[1], room + done, got - done);
                if (wrote < 0) {
                    perror("write");
                    return 1;
                }
                done += wrote;
            }
        }
        if (pace_ms) {
            struct timespec rest = {.tv_nsec = pace_ms * 1000000};
            nanosleep(&rest, NULL);
        }
    }
    return 0;
}
