using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Reflection.Emit;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Text;
using System.Xml.Linq;
using Softswitch.Datapath.Packets;
using Softswitch.Testing;

namespace Softswitch.Hosting.Tests;

/// <summary>What may use what: the layers of the datapath, namespaces of all projects, and projects.</summary>
/// <remarks>Read from what the compiler made: signatures and instructions, and for constants, which leave no trace there, the debug information's list of usings.</remarks>
public sealed class LayerTests
{
    private const string Root = "Softswitch.";
    private const string Datapath = "Softswitch.Datapath.";
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    /// <summary>From the ground up: each may use those before it.</summary>
    private static readonly string[] s_layers =
        ["Headers", "Memory", "Packets", "Ports", "Flows", "Captures", "Tables", "Queues", "Fragments", "Pipeline", "Tracing", "SpanningTree", "Offload", "Control"];

    private static readonly Dictionary<string, string[]> s_projects = new()
    {
        ["Datapath"] = [],
        ["OfAgent"] = ["Datapath"],
        ["Ports"] = ["Datapath"],
        ["NetFpga"] = ["Datapath", "Ports"],
        ["NetFpga.Emulator"] = ["Datapath", "NetFpga", "Ports"],
        ["Hosting"] = ["Datapath", "NetFpga", "NetFpga.Emulator", "OfAgent", "Ports"],
        ["Web"] = ["Hosting"],
        ["Softswitch"] = ["Hosting", "Web"], // of the laboratory it knows nothing
    };

    private static readonly Dictionary<short, OpCode> s_opCodes =
        typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static).Select(field => (OpCode)field.GetValue(null)!).ToDictionary(code => code.Value);

    /// <summary>The program, and what it refers to.</summary>
    private static readonly Assembly[] s_assemblies =
        [.. Directory.EnumerateFiles(AppContext.BaseDirectory, "?oftswitch*.dll").Select(file => Path.GetFileNameWithoutExtension(file))
            .Where(name => !name.EndsWith("Tests", StringComparison.Ordinal) && name != "Softswitch.Testing").Select(Assembly.Load)];

    private static readonly (string From, string To, string What)[] s_uses = [.. s_assemblies.SelectMany(Uses).Distinct()];

    [Fact]
    public void No_namespace_of_the_datapath_uses_one_above_it()
    {
        string[] upward = [.. s_uses.Where(use => LayerOf(use.From) != null && RankOf(use.To) > RankOf(use.From)).Select(use => $"{use.From} > {use.To}: {use.What}").Order()];
        Assert.True(upward.Length == 0, $"from the ground up: {string.Join(", ", s_layers)}\nlooks upwards:\n{string.Join('\n', upward)}");
    }

    [Fact]
    public void Every_namespace_of_the_datapath_has_its_place_and_uses_are_seen()
    {
        Assert.Equal(s_layers.Order(), typeof(Packet).Assembly.GetTypes().Select(type => LayerOf(type.Namespace)).OfType<string>().Distinct().Order());
        Assert.Equal(
            s_layers.Length - 2,
            s_uses.Where(use => LayerOf(use.From) == "Control" && RankOf(use.To) < Array.IndexOf(s_layers, "Offload")).Select(use => use.To).Distinct().Count());
    }

    [Fact]
    public void No_two_namespaces_use_each_other()
    {
        Assert.Superset(
            s_projects.Keys.Select(project => project == "Softswitch" ? "softswitch" : Root + project).Append("softswitch-lab").ToHashSet(),
            s_assemblies.Select(assembly => assembly.GetName().Name!).ToHashSet());
        var ways = s_uses.ToLookup(use => (use.From, use.To), use => use.What);
        string[] pairs = [.. ways.Select(way => way.Key).Where(way => string.CompareOrdinal(way.From, way.To) < 0 && ways.Contains((way.To, way.From)))
            .Select(way => $"{way.From} {way.To}").Order(StringComparer.Ordinal)];
        IEnumerable<string> uses = pairs.Select(pair => pair.Split(' ')).SelectMany(two => (string[])
            [$"{two[0]} and {two[1]}:", .. ways[(two[0], two[1])].Select(what => $"  {what}"), "and back:", .. ways[(two[1], two[0])].Select(what => $"  {what}")]);
        Assert.True(!uses.Any(), $"these use each other:\n{string.Join('\n', uses)}");
    }

    [Fact]
    public void The_control_side_decides_without_pointers()
    {
        IEnumerable<string> files = Directory.EnumerateFiles(Path.Combine(Repository.Root, "src", "Datapath", "Control"), "*.cs");
        Assert.Empty(files.Where(file => File.ReadAllText(file).Contains("unsafe", StringComparison.Ordinal)).Select(Path.GetFileName));
    }

    [Fact]
    public void Projects_refer_to_each_other_as_the_architecture_draws_them()
    {
        string[] folders = [.. Directory.EnumerateDirectories(Path.Combine(Repository.Root, "src")).Select(path => Path.GetFileName(path)).Order()];
        Assert.Equal(s_projects.Keys.Order(), folders);
        foreach ((string project, string[] allowed) in s_projects)
        {
            XDocument file = XDocument.Load(Path.Combine(Repository.Root, "src", project, project + ".csproj"));
            string[] references = [.. Included(file, "ProjectReference").Select(path => Path.GetFileNameWithoutExtension(path.Replace('\\', '/')))];
            Assert.True(references.All(allowed.Contains), $"{project} refers to {string.Join(", ", references.Except(allowed))}");
            Assert.True(project != "Datapath" || !Included(file, "PackageReference").Any(), "Datapath has a package");
        }
    }

    private static IEnumerable<string> Included(XDocument project, string kind) => project.Descendants(kind).Select(item => item.Attribute("Include")!.Value);

    /// <returns>-1 outside of the datapath.</returns>
    private static int RankOf(string name) => Array.IndexOf(s_layers, LayerOf(name));

    private static string? LayerOf(string? name) => name?.StartsWith(Datapath, StringComparison.Ordinal) == true ? name[Datapath.Length..] : null;

    private static bool IsOurs([NotNullWhen(true)] string? name) => name == "Softswitch" || name?.StartsWith(Root, StringComparison.Ordinal) == true;

    private static IEnumerable<(string From, string To, string What)> Uses(Assembly assembly)
    {
        MetadataReader symbols = MetadataReaderProvider.FromPortablePdbStream(File.OpenRead(Path.ChangeExtension(assembly.Location, "pdb"))).GetMetadataReader();
        return from type in assembly.GetTypes()
               where IsOurs(type.Namespace)
               let used = UsedBy(type).SelectMany(Parts).Select(used => (To: used.Namespace, What: used.Name))
               let named = type.GetMethods(Declared).SelectMany(method => UsingsOf(symbols, method)).Select(name => (To: (string?)name, What: name))
               from use in used.Concat(named)
               where IsOurs(use.To) && use.To != type.Namespace
               select (type.Namespace!, use.To!, $"{type.FullName![(type.Namespace!.Length + 1)..]} uses {use.What}");
    }

    private static IEnumerable<Type> UsedBy(Type type)
    {
        IEnumerable<Type?> types = [type.BaseType, .. type.GetInterfaces(), .. type.GetGenericArguments().SelectMany(Constraints), .. Attributes(type)];
        types = types.Concat(type.GetFields(Declared).SelectMany(field => Attributes(field).Append(field.FieldType)));
        types = types.Concat(type.GetMethods(Declared).SelectMany(method => UsedBy(method, type).Append(method.ReturnType)));
        types = types.Concat(type.GetConstructors(Declared).SelectMany(constructor => UsedBy(constructor, type)));
        return types.OfType<Type>();
    }

    private static IEnumerable<Type?> UsedBy(MethodBase method, Type type)
    {
        IEnumerable<Type?> types = [.. method.GetParameters().Select(parameter => parameter.ParameterType), .. Attributes(method)];
        Type[] arguments = method.IsGenericMethodDefinition ? method.GetGenericArguments() : [];
        types = types.Concat(arguments.SelectMany(Constraints));
        if (method.GetMethodBody() is MethodBody body)
        {
            types = types.Concat(body.LocalVariables.Select(local => local.LocalType));
            types = types.Concat(body.ExceptionHandlingClauses.Where(clause => clause.Flags == ExceptionHandlingClauseOptions.Clause).Select(clause => clause.CatchType));
            types = types.Concat(Tokens(body.GetILAsByteArray()!).Select(token => method.Module.ResolveMember(token, type.GetGenericArguments(), arguments)).SelectMany(Named));
        }
        return types;
    }

    private static IEnumerable<Type> Attributes(MemberInfo member) => member.CustomAttributes.Select(attribute => attribute.AttributeType);

    private static IEnumerable<Type> Constraints(Type argument) => argument.IsGenericParameter ? argument.GetGenericParameterConstraints() : [];

    /// <summary>The types an instruction's operand names.</summary>
    private static IEnumerable<Type?> Named(MemberInfo? member) => member switch
    {
        Type type => [type],
        MethodInfo { IsGenericMethod: true } method => [method.DeclaringType, .. method.GetGenericArguments()],
        _ => [member?.DeclaringType],
    };

    /// <summary>A type and what it is made of: elements, arguments.</summary>
    private static IEnumerable<Type> Parts(Type type) =>
        type.HasElementType ? Parts(type.GetElementType()!) : [type, .. type.IsGenericType ? type.GetGenericArguments().SelectMany(Parts) : []];

    /// <summary>The metadata tokens among a method's instructions, but for those of signatures and strings.</summary>
    private static IEnumerable<int> Tokens(byte[] code)
    {
        for (int i = 0; i < code.Length;)
        {
            OpCode instruction = s_opCodes[code[i] == 0xfe ? (short)(0xfe00 | code[i + 1]) : code[i]];
            i += instruction.Size;
            if (instruction.OperandType is OperandType.InlineField or OperandType.InlineMethod or OperandType.InlineTok or OperandType.InlineType)
            {
                yield return BitConverter.ToInt32(code, i);
            }
            i += instruction.OperandType switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + (4 * BitConverter.ToInt32(code, i)),
                _ => 4,
            };
        }
    }

    /// <summary>The namespaces that the usings of a method's file name.</summary>
    private static IEnumerable<string> UsingsOf(MetadataReader symbols, MethodBase method)
    {
        MethodDefinitionHandle handle = (MethodDefinitionHandle)MetadataTokens.EntityHandle(method.MetadataToken);
        foreach (LocalScopeHandle local in symbols.GetLocalScopes(handle).Take(1))
        {
            ImportScopeHandle next = symbols.GetLocalScope(local).ImportScope;
            while (!next.IsNil)
            {
                ImportScope scope = symbols.GetImportScope(next);
                foreach (ImportDefinition import in scope.GetImports())
                {
                    if (import.Kind == ImportDefinitionKind.ImportNamespace)
                    {
                        yield return Encoding.UTF8.GetString(symbols.GetBlobBytes(import.TargetNamespace));
                    }
                }
                next = scope.Parent;
            }
        }
    }
}
