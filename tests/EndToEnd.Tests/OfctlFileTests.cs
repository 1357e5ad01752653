using System.Buffers.Binary;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.OfAgent.Tests.Client;
using Softswitch.OfAgent.Wire;

namespace Softswitch.EndToEnd.Tests;

/// <summary><c>softswitch ofctl</c> with files, against a switch that the test plays.</summary>
public sealed class OfctlFileTests
{
    // More than what is read between two signs of life.
    private const int Lines = 5000;

    [Fact, Trait("Ring", "peers")]
    public async Task A_switch_hears_of_the_client_while_a_long_file_is_read()
    {
        string file = Path.GetTempFileName();
        File.WriteAllLines(file, Enumerable.Range(1, Lines).Select(i => $"priority={i},actions=drop"));
        List<OfType> heard = [];
        (string target, Task script) = ScriptedPeer.Listen(peer =>
        {
            peer.Greet();
            while (!heard.Contains(OfType.BarrierRequest))
            {
                byte[] message = peer.Read();
                heard.Add((OfType)message[1]);
                uint xid = BinaryPrimitives.ReadUInt32BigEndian(message.AsSpan(4));
                switch (heard[^1])
                {
                    case OfType.EchoRequest:
                        peer.Send(b => EchoMessage.WriteReply(b, xid, message.AsSpan(8)));
                        break;
                    case OfType.BarrierRequest:
                        peer.Send(b => BarrierMessage.WriteReply(b, xid));
                        break;
                }
            }
        });
        CommandResult result = SwitchProgram.Execute("ofctl", "add-flows", target, file);
        File.Delete(file);
        await script;

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Equal([OfType.EchoRequest, .. Enumerable.Repeat(OfType.FlowMod, Lines), OfType.BarrierRequest], heard);
    }
}
