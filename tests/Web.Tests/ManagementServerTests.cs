using System.Net;
using System.Net.Sockets;
using Softswitch.Hosting;
using Softswitch.Hosting.Captures;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Management;
using Softswitch.Ports.Pcap;

namespace Softswitch.Web.Tests;

/// <summary>What the owner of a process may ask for by its control socket, and who looks at its page may not.</summary>
public sealed class ManagementServerTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("softswitch-owner-");
    private readonly List<string> _log = [];
    private readonly SwitchHost _host;
    private readonly HttpClient _client;

    public ManagementServerTests()
    {
        _host = SwitchHost.Start(SwitchOptions.Parse(("port", "1=null:"), ("control", $"punix:{Path}")), Note);
        ManagementServer.Serve(_host);
        _client = new HttpClient(new SocketsHttpHandler { ConnectCallback = ConnectAsync }) { BaseAddress = new Uri("http://whatever.example") };
    }

    private string Path => System.IO.Path.Combine(_folder.FullName, "control");

    private string Target => $"unix:{Path}";

    public void Dispose()
    {
        _client.Dispose();
        _host.Dispose();
        _folder.Delete(recursive: true);
    }

    [Theory]
    [InlineData("/api/ports")]
    [InlineData("/api/config")]
    [InlineData("/api/cards")]
    [InlineData("/api/flows/busiest?count=1&milliseconds=0")]
    public async Task A_page_has_nothing_of_what_the_owner_alone_may_ask_for(string path)
    {
        using ServedSwitch page = new();
        using HttpResponseMessage reply = await page.Client.GetAsync(path, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.NotFound, reply.StatusCode);
    }

    [Fact]
    public async Task The_owner_sees_what_a_page_shows_under_any_host_name()
    {
        Assert.Contains("\"datapathId\"", await _client.GetStringAsync("/api/report", TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Contains("\"total\":0", await _client.GetStringAsync($"/switch/{_host.Name}/api/flows", TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Contains("softswitch_running", await _client.GetStringAsync("/metrics", TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("POST", "/api/report", HttpStatusCode.MethodNotAllowed, "POST: nothing is changed here; ask with GET")]
    [InlineData("DELETE", "/", HttpStatusCode.MethodNotAllowed, "DELETE: nothing is changed here; ask with GET")]
    [InlineData("GET", "/api/reload", HttpStatusCode.NotFound, "/api/reload: there is no such page")]
    [InlineData("POST", "/api/reload", HttpStatusCode.BadRequest, "there is no file to read again: the switch was started without --config\nnothing was changed")]
    [InlineData("DELETE", "/api/ports?port=9", HttpStatusCode.BadRequest, "port '9': there is no such port; there are 1 (null1)")]
    [InlineData("GET", "/api/flows/busiest?count=0", HttpStatusCode.BadRequest, "flows/busiest: count: '0' is not a number from 1 to 1000")]
    [InlineData("GET", "/switch/other/api/ports", HttpStatusCode.NotFound, "switch 'other': there is no such switch in this process; ")]
    [InlineData("POST", "/api/take-over", HttpStatusCode.BadRequest, "it hands over by version")]
    public async Task What_is_refused_has_a_status_and_a_line_for_each_reason(string method, string path, HttpStatusCode status, string reasons)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        using HttpResponseMessage reply = await _client.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(status, reply.StatusCode);
        Assert.StartsWith(reasons, await reply.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public void A_refused_command_is_in_the_log_by_its_words()
    {
        Assert.Throws<OptionException>(() => ManagementClient.Ask(Target, ManagementRequest.DeletePort("7"), Patience));
        lock (_log)
        {
            Assert.Contains("control socket: 'port del 7' refused: port '7': there is no such port; there are 1 (null1)", _log);
        }
    }

    [Fact]
    public void A_capture_ends_whole_when_it_is_asked_to()
    {
        using Stream stream = ManagementClient.Open(Target, ManagementRequest.Capture(new CaptureRequest(), "mine"), Patience);
        ManagementClient.Ask(Target, ManagementRequest.EndCapture("mine"), Patience);
        PcapNgReader reader = new(stream);
        bool hasEnd = false;
        while (reader.TryRead())
        {
            hasEnd |= reader.Type == PcapNgFormat.InterfaceStatistics;
        }
        Assert.True(hasEnd);
    }

    private void Note(string line)
    {
        lock (_log)
        {
            _log.Add(line);
        }
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken stop)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(Path), stop);
        return new NetworkStream(socket, ownsSocket: true);
    }
}
