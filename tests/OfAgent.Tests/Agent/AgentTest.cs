using Softswitch.Datapath.Control;

namespace Softswitch.OfAgent.Tests.Agent;

/// <summary>A test of a whole switch, as the one controller that talks to it.</summary>
public abstract class AgentTest : IDisposable
{
    private readonly Lazy<RawController> _controller;

    private protected AgentTest(DatapathOptions? datapath = null)
    {
        Harness = new AgentHarness(datapath: datapath);
        _controller = new Lazy<RawController>(Harness.Connect);
    }

    private protected AgentHarness Harness { get; }

    /// <summary>Connects when it is asked for first.</summary>
    private protected RawController Controller => _controller.Value;

    public void Dispose()
    {
        if (_controller.IsValueCreated)
        {
            Controller.Dispose();
        }
        Harness.Dispose();
        GC.SuppressFinalize(this);
    }
}
