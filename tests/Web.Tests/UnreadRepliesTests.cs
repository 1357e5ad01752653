using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Softswitch.Datapath.Flows;
using Softswitch.Testing;

namespace Softswitch.Web.Tests;

/// <summary>Clients that ask for much and do not read it.</summary>
public sealed class UnreadRepliesTests : IDisposable
{
    private const int Readers = 50; // of the 64 there is room for

    private readonly TestTime _time = new();
    private readonly ServedSwitch _served;

    public UnreadRepliesTests()
    {
        _served = new ServedSwitch(time: _time);
        FlowAction[] outputs = [.. Enumerable.Range(1, 8000).Select(port => FlowAction.Output((ushort)port))];
        for (int i = 0; i < 500; i++)
        {
            FlowMatch match = FlowMatch.Any with { Wildcards = FlowWildcards.All & ~FlowWildcards.DlVlan, DlVlan = (ushort)i };
            _served.Switch.Apply(new FlowMod { Match = match, Priority = 1, Actions = outputs });
        }
    }

    public void Dispose() => _served.Dispose();

    [Fact]
    public async Task They_hold_so_many_bytes_together_and_others_are_refused_until_their_time_is_over()
    {
        List<Socket> unread = [];
        try
        {
            for (int i = 0; i < Readers; i++)
            {
                unread.Add(await AskAsync());
            }
            string said = string.Empty;
            const string refusal = "ServiceUnavailable 5 s: replies of 8 MiB wait";
            Eventually.True(() => (said = Ask()).StartsWith(refusal, StringComparison.Ordinal), () => said);
            // Whoever got its turn only after that has another minute.
            Eventually.True(
                () =>
                {
                    _time.Advance(Reply.Patience);
                    return (said = Ask()).StartsWith("OK", StringComparison.Ordinal);
                },
                () => said);
            Eventually.True(() => unread.Exists(IsEnded), "a connection is closed");
        }
        finally
        {
            unread.ForEach(socket => socket.Dispose());
        }
    }

    [Fact]
    public async Task What_a_client_reads_as_it_comes_is_whole()
    {
        string text = await _served.Client.GetStringAsync("/api/flows?limit=500", TestContext.Current.CancellationToken);
        FlowPage page = JsonSerializer.Deserialize(text, WebJson.Default.FlowPage)!;
        Assert.Equal((500, 500, true), (page.Total, page.Matched, page.IsCut));
        Assert.InRange(text.Length, 200_000, 300_000);
    }

    [Fact]
    public async Task A_trace_of_thousands_of_outputs_has_the_first_and_says_how_many_are_left_out()
    {
        string text = await _served.Client.GetStringAsync("/api/trace?in_port=1&flow=dl_vlan=7,tcp", TestContext.Current.CancellationToken);
        Assert.InRange(text.Length, 100_000, 400_000);
        using JsonDocument reports = JsonDocument.Parse(text);
        JsonElement report = reports.RootElement[0];
        JsonElement last = report.GetProperty("steps").EnumerateArray().Last();
        Assert.Equal("leftOut", last.GetProperty("kind").GetString());
        Assert.InRange(last.GetProperty("count").GetInt32(), 7000, 16_000);
        int outputs = report.GetProperty("steps").EnumerateArray().Count(step => step.GetProperty("kind").GetString() == "output");
        Assert.Equal(outputs, report.GetProperty("outputs").GetArrayLength());
    }

    /// <summary>A connection that asks for a page and takes in as little as the system allows.</summary>
    private async Task<Socket> AskAsync()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4096 };
        await socket.ConnectAsync(IPAddress.Loopback, _served.Address.Port, TestContext.Current.CancellationToken);
        byte[] request = "GET /api/flows?limit=500 HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray();
        await socket.SendAsync(request, TestContext.Current.CancellationToken);
        return socket;
    }

    /// <summary>The status, when to come again, and how the reply begins.</summary>
    private string Ask()
    {
        CancellationToken stop = TestContext.Current.CancellationToken;
        using HttpResponseMessage reply = _served.Client.GetAsync("/api/flows?limit=500", stop).GetAwaiter().GetResult();
        string text = reply.Content.ReadAsStringAsync(stop).GetAwaiter().GetResult();
        return $"{reply.StatusCode} {reply.Headers.RetryAfter?.Delta?.TotalSeconds} s: {text[..Math.Min(100, text.Length)]}";
    }

    /// <summary>Whether the server closed it, whatever of a reply lies before.</summary>
    private static bool IsEnded(Socket socket)
    {
        var buffer = new byte[64 * 1024];
        socket.Blocking = false;
        try
        {
            while (true)
            {
                if (socket.Receive(buffer) == 0)
                {
                    return true;
                }
            }
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode == SocketError.ConnectionReset;
        }
    }
}
