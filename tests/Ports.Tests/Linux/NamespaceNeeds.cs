using Softswitch.Ports.Linux;

namespace Softswitch.Ports.Tests.Linux;

/// <summary>Namespaces held by descriptors; a machine that refuses them skips the test with the system's words.</summary>
internal static class NamespaceNeeds
{
    public static NetworkNamespace Create()
    {
        try
        {
            return NetworkNamespace.Create();
        }
        catch (SystemCallException refusal) when (refusal.IsRefusal)
        {
            Assert.Skip($"not root: {refusal.Message}");
            throw;
        }
    }
}
