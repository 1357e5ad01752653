using System.Buffers.Binary;
using Softswitch.Datapath.Flows;
using Softswitch.OfAgent.Text;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Tests.Wire;

/// <summary>Bytes from the network never throw. Damaged and made-up messages: Fuzz.Tests.</summary>
public sealed class HostileMessageTests
{
    [Fact]
    public void Messages_cut_at_any_length_do_not_throw()
    {
        foreach (MessageCase message in MessageFiles.All)
        {
            for (int length = 0; length < message.Bytes.Length; length++)
            {
                byte[] cut = message.Bytes[..length];
                Exercise(cut, $"{message} cut to {length}");
                if (length >= OfHeader.Size)
                {
                    BinaryPrimitives.WriteUInt16BigEndian(cut.AsSpan(2), (ushort)length);
                    Exercise(cut, $"{message} cut to {length}, length set");
                }
            }
        }
    }

    [Theory]
    [InlineData("hostile.txt: action of length 0", "OFPBAC_BAD_LEN")]
    [InlineData("hostile.txt: action longer than the message", "OFPBAC_BAD_LEN")]
    [InlineData("hostile.txt: output of 16 bytes", "OFPBAC_BAD_LEN")]
    [InlineData("hostile.txt: unknown action", "OFPBAC_BAD_TYPE")]
    [InlineData("hostile.txt: vendor action", "OFPBAC_BAD_VENDOR")]
    [InlineData("hostile.txt: flow mod cut in its match", "OFPBRC_BAD_LEN")]
    public void A_bad_flow_mod_yields_its_error(string name, string error)
    {
        MessageCase message = MessageFiles.Find(name);

        Assert.False(FlowModMessage.TryDecode(message.Bytes, new FlowAction[8], out _, out OfError actual));
        Assert.Equal(error, actual.Name);
    }

    private static void Exercise(byte[] bytes, string what)
    {
        OfBuffer buffer = OfBuffer.Pool.Get();
        try
        {
            _ = MessageText.Format(bytes);
            if (bytes.Length >= OfHeader.Size)
            {
                _ = Recoding.TryRecode(bytes, buffer);
            }
        }
        catch (Exception exception)
        {
            throw new InvalidOperationException($"{what}: {Convert.ToHexString(bytes)}", exception);
        }
        finally
        {
            OfBuffer.Pool.Return(buffer);
        }
    }
}
