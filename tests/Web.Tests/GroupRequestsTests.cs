using System.Net;
using System.Text.Json;
using Softswitch.Datapath.Control;
using Softswitch.Hosting.Reports;

namespace Softswitch.Web.Tests;

/// <summary>What is answered where a process has several switches.</summary>
public sealed class GroupRequestsTests : IDisposable
{
    private readonly ServedGroup _served = new("s1", "s2");

    public void Dispose() => _served.Dispose();

    [Fact]
    public async Task The_root_is_the_overview_and_each_switch_is_behind_its_name()
    {
        Assert.Contains("overview.js", await _served.ReadAsync("/"), StringComparison.Ordinal);
        Assert.Contains("page.js", await _served.ReadAsync("/switch/s2/"), StringComparison.Ordinal);
        Assert.Equal("s2", (await ReportAsync("/switch/s2/api/report")).Name);
        Assert.Equal(["s1", "s2"], (await OverviewAsync("/api/switches")).Switches.Select(one => one.Name));
        Assert.Equal(["s1", "s2"], (await OverviewAsync("/api/report")).Switches.Select(one => one.Name));
        _served["s2"].AddFlow("priority=7,actions=");
        Assert.Contains("\"total\":1", await _served.ReadAsync("/switch/s2/api/flows"), StringComparison.Ordinal);
        Assert.Contains("\"total\":0", await _served.ReadAsync("/switch/s1/api/flows"), StringComparison.Ordinal);
        foreach (string file in (string[])["page.js", "style.css", "basics.js", "icon.svg"])
        {
            Assert.Equal(await _served.ReadAsync($"/{file}"), await _served.ReadAsync($"/switch/s1/{file}"));
        }
    }

    [Theory]
    [InlineData("/switch/s9/", "switch 's9': there is no such switch in this process; there are s1, s2")]
    [InlineData("/switch/s9/api/report", "switch 's9': ")]
    [InlineData("/switch/S1/", "switch 'S1': ")]
    [InlineData("/switch//", "switch '': ")]
    [InlineData("/switch/s1%2f..%2fs2/", "switch 's1%2f..%2fs2': ")]
    [InlineData("/switch/s1/nowhere", "/nowhere: there is no such page")]
    [InlineData("/switch/s1/switch/s2/", "/switch/s2/: there is no such page")]
    [InlineData("/api/flows", "/api/flows: there is no such page")]
    public async Task What_is_not_there_is_named(string path, string reason)
    {
        using HttpResponseMessage reply = await _served.Client.GetAsync(path, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.NotFound, reply.StatusCode);
        Assert.StartsWith(reason, await reply.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_switch_asked_for_without_the_last_slash_is_found()
    {
        Assert.Contains("page.js", await _served.ReadAsync("/switch/s1"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Switches_that_come_and_go_change_what_the_root_is()
    {
        _served.Add("s3");
        _served.Await("/api/switches", text => text.Contains("\"s3\"", StringComparison.Ordinal));
        Assert.Equal("s3", (await ReportAsync("/switch/s3/api/report")).Name);
        _served.Group.Remove("s3");
        _served.Group.Remove("s2");
        _served.Await("/metrics", text => HasSeriesOf("s1", text));
        _served.Await("/api/switches", text => !text.Contains("\"s3\"", StringComparison.Ordinal));
        using HttpResponseMessage gone = await _served.Client.GetAsync("/switch/s3/api/report", TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.NotFound, gone.StatusCode);
        Assert.Equal("s1", (await ReportAsync("/api/report")).Name);
        Assert.Contains("page.js", await _served.ReadAsync("/"), StringComparison.Ordinal);
        Assert.Contains("page.js", await _served.ReadAsync("/switch/s1/"), StringComparison.Ordinal);
        _served.Group.Remove("s1");
        Assert.Contains("overview.js", await _served.ReadAsync("/"), StringComparison.Ordinal);
        _served.Await("/api/switches", text => text.Contains("\"switches\":[]", StringComparison.Ordinal));
        Assert.Contains("process_threads ", await _served.ReadAsync("/metrics"), StringComparison.Ordinal);
    }

    /// <summary>A failing switch holds its control lock for as long as it takes to notice; the others have their own.</summary>
    [Fact]
    public async Task A_switch_that_does_not_answer_keeps_only_those_waiting_who_ask_it()
    {
        await OverviewAsync("/api/switches");
        using var entered = new ManualResetEventSlim();
        using var leave = new ManualResetEventSlim();
        var holder = new Thread(() =>
        {
            using ControlScope scope = _served["s1"].Control.EnterWithoutTable();
            entered.Set();
            leave.Wait();
        });
        holder.Start();
        entered.Wait(TestContext.Current.CancellationToken);
        try
        {
            Assert.Equal("s2", (await ReportAsync("/switch/s2/api/report")).Name);
            _served.Await("/api/switches", text => text.Contains("\"busy\"", StringComparison.Ordinal));
            _served.Await("/metrics", text => HasSeriesOf("s2", text) && !HasSeriesOf("s1", text));
            // The first may leave no time to wait for the second, should somebody read that just then.
            _served.Await("/api/switches", text => Overview(text).Switches.Select(one => one.State).SequenceEqual(["busy", "running"]));
        }
        finally
        {
            leave.Set();
            holder.Join();
        }
        _served.Await("/metrics", text => HasSeriesOf("s1", text));
        _served.Await("/api/switches", text => !text.Contains("\"busy\"", StringComparison.Ordinal));
    }

    private static bool HasSeriesOf(string name, string metrics) =>
        metrics.Contains($"softswitch_uptime_seconds{{switch=\"{name}\"}}", StringComparison.Ordinal);

    private async Task<SwitchReport> ReportAsync(string path) =>
        JsonSerializer.Deserialize(await _served.ReadAsync(path), ReportJson.Default.SwitchReport)!;

    private async Task<GroupReport> OverviewAsync(string path) => Overview(await _served.ReadAsync(path));

    private static GroupReport Overview(string text) => JsonSerializer.Deserialize(text, ReportJson.Default.GroupReport)!;
}
