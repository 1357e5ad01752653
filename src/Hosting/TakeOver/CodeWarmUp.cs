using System.Reflection;
using System.Runtime.CompilerServices;
using Softswitch.Datapath.Control;
using Softswitch.Ports.Opening;

namespace Softswitch.Hosting.TakeOver;

/// <summary>Has methods compiled before they are first called: packets are not to wait for the compiler while a switch changes hands.</summary>
/// <remarks>What is compiled ahead of time (ReadyToRun) costs next to nothing here. Without it a method takes some tenths of a millisecond.</remarks>
internal static class CodeWarmUp
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    // What runs from the moment at which workers rest to the first packets of their successors.
    private static readonly string[] OfGiver = ["Softswitch.Datapath.Control", "Softswitch.Hosting.TakeOver"];
    private static readonly string[] OfTaker =
    [
        .. OfGiver, "Softswitch.Datapath.Pipeline", "Softswitch.Datapath.Tables", "Softswitch.Datapath.Packets", "Softswitch.Datapath.Flows",
        "Softswitch.Datapath.Memory", "Softswitch.Datapath.Queues", "Softswitch.Datapath.Headers", "Softswitch.Ports.Linux",
    ];

    /// <summary>The side that gives.</summary>
    /// <param name="devices">Kinds of devices that are given.</param>
    public static void ForGiver(IEnumerable<Type> devices) => Prepare(OfGiver, devices);

    /// <summary>The side that takes, with all that forwards.</summary>
    /// <param name="devices">Kinds of devices that are taken.</param>
    public static void ForTaker(IEnumerable<Type> devices) => Prepare(OfTaker, devices);

    private static void Prepare(string[] spaces, IEnumerable<Type> devices)
    {
        HashSet<string?> names = [.. spaces, .. devices.Select(device => device.Namespace)];
        Assembly[] assemblies = [typeof(DatapathControl).Assembly, typeof(PortFactory).Assembly, typeof(CodeWarmUp).Assembly];
        foreach (Type type in assemblies.SelectMany(assembly => assembly.GetTypes()).Where(type => names.Any(name => type.Namespace == name || type.Namespace?.StartsWith($"{name}.", StringComparison.Ordinal) == true) && !type.ContainsGenericParameters && !type.IsSubclassOf(typeof(Delegate))))
        {
            foreach (MethodBase method in type.GetMethods(Declared).Concat<MethodBase>(type.GetConstructors(Declared)))
            {
                if (!method.IsAbstract && !method.ContainsGenericParameters && (method.Attributes & MethodAttributes.PinvokeImpl) == 0)
                {
                    RuntimeHelpers.PrepareMethod(method.MethodHandle);
                }
            }
        }
    }
}
