using System.Net;
using Softswitch.Hosting;
using Softswitch.Hosting.Configuration;
using Softswitch.OfAgent.Connections;
using Softswitch.Testing;

namespace Softswitch.Web.Tests;

/// <summary>Switches of one process and their page, at a loopback port of the system's choice.</summary>
internal sealed class ServedGroup : IDisposable
{
    private TestTraffic? _traffic;

    public ServedGroup(params IReadOnlyList<string> names)
    {
        Group = SwitchGroup.Start(new SwitchGroupOptions { FrameCount = 8192, Switches = [.. names.Select(Options)] });
        Server = WebServer.Start(Group, new ListeningSocket(WebListener.Open(new IPEndPoint(IPAddress.Loopback, 0))), line => Said = line);
        Client = new HttpClient { BaseAddress = new Uri(Server.Address) };
    }

    public SwitchGroup Group { get; }

    public WebServer Server { get; }

    public HttpClient Client { get; }

    /// <summary>What the start said.</summary>
    public string Said { get; private set; } = string.Empty;

    public SwitchHost this[string name] => Group.Find(name)!;

    public SwitchHost Add(string name) => Group.Add(Options(name));

    /// <summary>Has traffic in a switch until it all ends.</summary>
    public void BeginTraffic(string name)
    {
        SwitchHost host = this[name];
        _traffic = new TestTraffic(host, host.AddProgramPort("left"), host.AddProgramPort("right"));
    }

    public Task<string> ReadAsync(string path) => Client.GetStringAsync(path, TestContext.Current.CancellationToken);

    /// <summary>Waits until an answer is as wanted: overviews are read for a while once.</summary>
    public void Await(string path, Func<string, bool> wanted)
    {
        string last = string.Empty;
        Eventually.True(() => wanted(last = ReadAsync(path).GetAwaiter().GetResult()), () => $"{path} says {last}");
    }

    public void Dispose()
    {
        _traffic?.Dispose();
        Client.Dispose();
        Server.Dispose();
        Group.Dispose();
    }

    private static SwitchOptions Options(string name) => new() { Name = name };
}
