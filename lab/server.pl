# The demonstration web server: one page for whoever asks.
use strict;
use warnings;
use IO::Socket::INET;

my $server = IO::Socket::INET->new(LocalPort => 80, Listen => 16, ReuseAddr => 1) or die "listen: $@";
while (my $client = $server->accept) {
    eval {
        local $SIG{ALRM} = sub { die "slow\n" };
        alarm 5;
        while (defined(my $line = <$client>)) { last if $line =~ /^\r?\n$/ }
        my $page = "<!doctype html><title>Vigie demo</title><h1>It runs</h1>\n";
        print $client "HTTP/1.0 200 OK\r\nServer: vigie-demo/@VERSION@\r\nContent-Type: text/html\r\n",
            "Content-Length: ", length $page, "\r\n\r\n", $page;
        alarm 0;
    };
    close $client;
}
