using System.Buffers.Binary;
using System.Net;
using System.Net.Http.Headers;
using Softswitch.Datapath.Control;
using Softswitch.Testing;

namespace Softswitch.Web.Tests;

/// <summary>Packets' contents over HTTP: to whom, and what is in the file.</summary>
public sealed class CaptureDownloadsTests : IDisposable
{
    private const uint SectionHeader = 0x0a0d0d0a;
    private const uint EnhancedPacket = 6;

    private readonly ServedSwitch _served = new();

    public void Dispose() => _served.Dispose();

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("00000000000000000000000000000000")]
    public async Task Without_the_token_there_is_nothing(string? token)
    {
        using HttpResponseMessage reply = await AskAsync("/api/capture?count=1", token);
        Assert.Equal(HttpStatusCode.Unauthorized, reply.StatusCode);
        using HttpResponseMessage stop = await AskAsync("/api/capture/stop?name=a", token);
        Assert.Equal(HttpStatusCode.Unauthorized, stop.StatusCode);
    }

    [Theory]
    [InlineData("which=sideways", "which: it is none of in, out, dropped")]
    [InlineData("count=0", "count: '0' is not a number from 1 to")]
    [InlineData("match=nonsense", "--match 'nonsense': ")]
    [InlineData("port=nowhere", "port 'nowhere': there is no such port")]
    public async Task A_wrong_field_is_named(string query, string reason)
    {
        using HttpResponseMessage reply = await AskAsync($"/api/capture?{query}", _served.Token);
        Assert.Equal(HttpStatusCode.BadRequest, reply.StatusCode);
        Assert.StartsWith(reason, await reply.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact, Trait("Ring", "peers")]
    public async Task It_has_as_many_packets_as_were_asked_for_and_wireshark_reads_the_reason()
    {
        Needs.Program("tshark");
        _served.BeginTraffic();
        using HttpResponseMessage reply = await AskAsync("/api/capture?which=dropped&count=3", _served.Token);
        string path = Path.GetTempFileName();
        try
        {
            await File.WriteAllBytesAsync(path, await reply.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken), TestContext.Current.CancellationToken);
            string[] comments = RunningCommand.Execute("tshark", "-r", path, "-T", "fields", "-e", "frame.comment").Checked().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
            Assert.Equal(["dropped: to a port that does not exist", "dropped: to a port that does not exist", "dropped: to a port that does not exist"], comments);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public async Task One_that_is_stopped_has_its_end()
    {
        _served.BeginTraffic();
        Task<HttpResponseMessage> capture = AskAsync("/api/capture?name=mine", _served.Token);
        Eventually.True(() => StopAsync().GetAwaiter().GetResult(), "it runs and is stopped");
        using HttpResponseMessage reply = await capture;
        byte[] file = await reply.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
        Assert.Equal(SectionHeader, BinaryPrimitives.ReadUInt32LittleEndian(file));
        Assert.Equal(5u, Blocks(file).Last());
        Assert.All(Blocks(file), type => Assert.True(type is SectionHeader or 1 or EnhancedPacket or 5));
        Assert.False(await StopAsync());
    }

    [Fact]
    public async Task A_client_that_goes_leaves_nothing_running()
    {
        for (int i = 0; i < PipelineControl.MostCaptures + 2; i++)
        {
            using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
            using var request = new HttpRequestMessage(HttpMethod.Get, "/api/capture");
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _served.Token);
            HttpStatusCode status = HttpStatusCode.BadRequest;
            Eventually.True(
                () =>
                {
                    using var one = new HttpRequestMessage(HttpMethod.Get, "/api/capture") { Headers = { Authorization = request.Headers.Authorization } };
                    using HttpResponseMessage reply = _served.Client.Send(one, HttpCompletionOption.ResponseHeadersRead, giveUp.Token);
                    return (status = reply.StatusCode) == HttpStatusCode.OK;
                },
                () => $"a place is free: {status}");
        }
    }

    private static IEnumerable<uint> Blocks(byte[] file)
    {
        for (int at = 0; at < file.Length; at += (int)BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at + 4)))
        {
            yield return BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at));
        }
    }

    private async Task<bool> StopAsync()
    {
        using HttpResponseMessage reply = await AskAsync("/api/capture/stop?name=mine", _served.Token);
        return reply.StatusCode == HttpStatusCode.OK;
    }

    private Task<HttpResponseMessage> AskAsync(string path, string? token)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (token != null)
        {
            request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {token}");
        }
        return _served.Client.SendAsync(request, TestContext.Current.CancellationToken);
    }
}
