# Opens a listening socket and hands it on as systemd does (sd_listen_fds(3)): descriptor 3, LISTEN_FDS, LISTEN_PID.
# perl inherit.pl PORT PROGRAM ARGUMENT...      Perl is on every Debian.
use strict;
use warnings;
use Fcntl qw(F_SETFD);
use POSIX ();
use Socket;

my $port = shift;
socket(my $socket, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
setsockopt($socket, SOL_SOCKET, SO_REUSEADDR, 1) or die "setsockopt: $!";
bind($socket, sockaddr_in($port, inet_aton("127.0.0.1"))) or die "bind: $!";
listen($socket, 100) or die "listen: $!";
POSIX::dup2(fileno($socket), 3) // die "dup2: $!";
open(my $third, "+<&=", 3) or die "descriptor 3: $!";
fcntl($third, F_SETFD, 0) or die "fcntl: $!";
$ENV{LISTEN_FDS} = 1;
$ENV{LISTEN_PID} = $$;
exec @ARGV or die "exec: $!";
