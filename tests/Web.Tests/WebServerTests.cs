using System.Net;
using System.Net.Sockets;
using System.Text;
using Softswitch.Hosting.Configuration;
using Softswitch.Testing;

namespace Softswitch.Web.Tests;

/// <summary>What is answered to whom.</summary>
public sealed class WebServerTests : IDisposable
{
    private readonly ServedSwitch _served = new();

    public void Dispose() => _served.Dispose();

    [Theory]
    [InlineData("/", HttpStatusCode.OK)]
    [InlineData("/page.js", HttpStatusCode.OK)]
    [InlineData("/metrics", HttpStatusCode.OK)]
    [InlineData("/api/report", HttpStatusCode.OK)]
    [InlineData("/api/flows?sort=nothing", HttpStatusCode.BadRequest)]
    [InlineData("/nowhere", HttpStatusCode.NotFound)]
    public async Task Every_reply_says_what_browsers_may_do_with_it(string path, HttpStatusCode status)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { { "Origin", "http://elsewhere.example" } } };
        using HttpResponseMessage reply = await SendAsync(request);
        Assert.Equal(status, reply.StatusCode);
        string policy = string.Join(';', reply.Headers.GetValues("Content-Security-Policy"));
        Assert.Contains("default-src 'none'", policy, StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        Assert.Equal("nosniff", Assert.Single(reply.Headers.GetValues("X-Content-Type-Options")));
        Assert.Equal("no-referrer", Assert.Single(reply.Headers.GetValues("Referrer-Policy")));
        Assert.DoesNotContain(reply.Headers, header => header.Key.StartsWith("Access-Control", StringComparison.OrdinalIgnoreCase));
        Assert.False(reply.Headers.Contains("Server"));
    }

    [Theory]
    [InlineData("attacker.example")]
    [InlineData("localhost.attacker.example")]
    [InlineData("127.0.0.1.attacker.example")]
    [InlineData("")]
    public async Task A_name_that_is_not_this_machines_is_refused(string name)
    {
        string reply = await ExchangeAsync($"GET /api/report HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 4", reply, StringComparison.Ordinal);
        Assert.DoesNotContain("datapathId", reply, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("[::1]:8080")]
    [InlineData("192.0.2.7:80")]
    [InlineData("LOCALHOST:8080")]
    public async Task Addresses_and_own_names_are_let_in(string name)
    {
        string reply = await ExchangeAsync($"GET /api/report HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 200", reply, StringComparison.Ordinal);
        Assert.Contains("\"datapathId\":\"0000000000000051\"", reply, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("POST")]
    [InlineData("PUT")]
    [InlineData("DELETE")]
    [InlineData("OPTIONS")]
    public async Task Nothing_but_reading_is_done(string method)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), "/api/report");
        using HttpResponseMessage reply = await SendAsync(request);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, reply.StatusCode);
        Assert.Equal("GET, HEAD", string.Join(", ", reply.Content.Headers.Allow));
    }

    [Theory]
    [InlineData("/api/flows?sort=size", "sort: 'size' is none of packets, bytes, priority, age, cookie")]
    [InlineData("/api/flows?sort=1", "sort: '1'")]
    [InlineData("/api/flows?order=up", "order: 'up' is neither asc nor desc")]
    [InlineData("/api/flows?offset=-1", "offset: '-1' is not a number from 0 to 100000")]
    [InlineData("/api/flows?limit=501", "limit: '501' is not a number from 1 to 500")]
    [InlineData("/api/flows?limit=99999999999999999999", "limit: '99999999999999999999'")]
    public async Task A_wrong_field_is_named_with_the_reason(string path, string reason)
    {
        using HttpResponseMessage reply = await SendAsync(new HttpRequestMessage(HttpMethod.Get, path));
        Assert.Equal(HttpStatusCode.BadRequest, reply.StatusCode);
        Assert.StartsWith(reason, await reply.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public void An_address_in_use_ends_the_start_and_names_the_option()
    {
        var refused = Assert.Throws<OptionException>(() => WebListener.Open(new IPEndPoint(IPAddress.Loopback, _served.Address.Port)));
        Assert.StartsWith($"--web: 127.0.0.1:{_served.Address.Port}: ", refused.Message, StringComparison.Ordinal);
        Assert.Contains("another program listens there", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Made_up_bytes_get_a_refusal_and_disturb_nobody()
    {
        var random = new Random(7);
        string[] starts = ["", "GET ", "GET / HTTP/1.1\r\n", "GET /api/flows?search=", "POST /api/report HTTP/1.1\r\nContent-Length: ", "GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"];
        for (int i = 0; i < 200; i++)
        {
            var bytes = new byte[random.Next(1, 300)];
            random.NextBytes(bytes);
            byte[] request = [.. Encoding.Latin1.GetBytes(starts[i % starts.Length]), .. bytes, .. "\r\n\r\n"u8];
            string reply = await ExchangeAsync(request, leaves: true);
            Assert.True(reply.Length == 0 || reply.StartsWith("HTTP/1.1 4", StringComparison.Ordinal) || reply.StartsWith("HTTP/1.1 200", StringComparison.Ordinal), reply);
        }
        Assert.Contains("datapathId", await _served.Client.GetStringAsync("/api/report", TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Headers_and_lines_have_a_limit()
    {
        Assert.StartsWith("HTTP/1.1 414", await ExchangeAsync($"GET /{new string('a', 40_000)} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 431", await ExchangeAsync($"GET / HTTP/1.1\r\nHost: localhost\r\nX: {new string('a', 40_000)}\r\n\r\n"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Silent_clients_take_no_more_than_their_places_and_packets_go_on()
    {
        List<TcpClient> silent = [];
        try
        {
            for (int i = 0; i < 100; i++)
            {
                var client = new TcpClient();
                await client.ConnectAsync(IPAddress.Loopback, _served.Address.Port, TestContext.Current.CancellationToken);
                silent.Add(client);
            }
            _served.Switch.AddFlow("in_port=1,actions=output:2");
            byte[] frame = TestPacket.Udp();
            Assert.True(_served.Left.TrySend(frame));
            var received = new byte[2048];
            int length = 0;
            Eventually.True(() => _served.Right.TryReceive(received, out length), "the packet arrives");
            Assert.Equal(frame, received[..length]);
        }
        finally
        {
            silent.ForEach(client => client.Dispose());
        }
        Eventually.True(() => CanAsk(), "the page answers when they are gone");
    }

    [Fact]
    public void The_start_says_where_it_is_and_gives_the_token_behind_the_mark_that_browsers_keep_to_themselves() =>
        Assert.Matches($@"^web: http://127\.0\.0\.1:{_served.Address.Port}/#token=[0-9a-f]{{32}}$", _served.Said);

    private bool CanAsk()
    {
        try
        {
            return _served.Client.GetAsync("/").GetAwaiter().GetResult().IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private Task<HttpResponseMessage> SendAsync(HttpRequestMessage request) => _served.Client.SendAsync(request, TestContext.Current.CancellationToken);

    private Task<string> ExchangeAsync(string request) => ExchangeAsync(Encoding.Latin1.GetBytes(request));

    /// <summary>What comes until the server closes.</summary>
    /// <param name="leaves">Whether the client has closed its side before, as one that gives up.</param>
    private async Task<string> ExchangeAsync(byte[] request, bool leaves = false)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, _served.Address.Port, TestContext.Current.CancellationToken);
        NetworkStream stream = client.GetStream();
        using var reply = new MemoryStream();
        // A server that has had enough replies and closes, and what it has not read by then makes that a reset: its reply is there nevertheless.
        await UnlessReset(async () =>
        {
            await stream.WriteAsync(request, TestContext.Current.CancellationToken);
            if (leaves)
            {
                client.Client.Shutdown(SocketShutdown.Send);
            }
        });
        await UnlessReset(() => stream.CopyToAsync(reply, TestContext.Current.CancellationToken));
        return Encoding.Latin1.GetString(reply.ToArray());
    }

    private static async Task UnlessReset(Func<Task> exchange)
    {
        try
        {
            await exchange();
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            // it had enough
        }
    }
}
