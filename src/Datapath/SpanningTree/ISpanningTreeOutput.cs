namespace Softswitch.Datapath.SpanningTree;

/// <summary>What a <see cref="SpanningTreeBridge"/> wants done. Called while it works: implementations do not call back.</summary>
internal interface ISpanningTreeOutput
{
    /// <summary>The BPDU leaves through this port.</summary>
    void Send(BridgePort port, in Bpdu bpdu);

    /// <summary><see cref="BridgePort.State"/> is another one now.</summary>
    void OnStateChanged(BridgePort port);

    /// <summary>Stations may have moved: while this is so, what was learned is to be forgotten after the forward delay.</summary>
    void OnTopologyChange(bool active);
}
